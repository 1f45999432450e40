"""What no deployment can do: a rule by which published figures are set aside."""

from __future__ import annotations

from danlu.compute.serving.question import Question

BELOW_FLOOR = "contradicts physics: time per token below the reading of the active weights at peak bandwidth"
BEYOND_LITTLE = "contradicts physics: output rate x time per token above 1.25 x concurrency in a closed loop"


def floor_s(question: Question) -> float:
    """Seconds to read the weights that one token needs, at full bandwidth on all devices of the layer."""
    shape, form = question.architecture, question.weights
    dense = shape.active_matrix_parameters * form.weight_bytes + shape.head_parameters * min(form.other_bytes, 1.0)
    return dense / (question.split.width * question.cluster.device.memory_bytes_per_s)


def contradiction(question: Question, target: str, actual: float, rate: float | None, tpot_s: float | None) -> str:
    """Which of the two rules the figure breaks, "" where none. rate: output tokens a second beside it, where known."""
    if target == "tpot" and actual < floor_s(question) / question.accepted:
        return BELOW_FLOOR
    clients = question.load.concurrency
    if question.load.mode == "closed" and clients and rate and tpot_s and rate * tpot_s > 1.25 * clients:
        return BEYOND_LITTLE
    return ""
