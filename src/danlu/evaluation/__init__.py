"""Is the tuned model better, and is general ability kept? Items, answers kept one by one, and a verdict. No torch."""

from danlu.evaluation.answer import answer
from danlu.evaluation.baselines import measure_baselines
from danlu.evaluation.compare import compare, compare_with_baselines
from danlu.evaluation.items import overlap_texts, read_items, write_items
from danlu.evaluation.lengths import check_lengths

__all__ = [
    "answer",
    "check_lengths",
    "compare",
    "compare_with_baselines",
    "measure_baselines",
    "overlap_texts",
    "read_items",
    "write_items",
]
