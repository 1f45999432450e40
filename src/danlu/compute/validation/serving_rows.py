"""Rows of published serving rates (per device or in total) as cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from danlu.compute.validation import latency_rows
from danlu.compute.validation.case import Case
from danlu.compute.validation.serving_cells import Row, number

HEADER = frozenset({"output_tokens_per_s_per_gpu", "total_output_tokens_per_s", "isl", "osl", "mode"})
_PUBLISHERS: Mapping[str, str] = {
    "tensorrt-llm": "NVIDIA TensorRT-LLM",
    "mlperf": "MLCommons",
    "lmsys": "SGLang (sgl-project)",
}


def read(rows: Iterable[Row]) -> Iterator[Case]:
    """As latency_rows reads them, once the columns have its names."""
    return latency_rows.read(_renamed(row) for row in rows)


def _renamed(row: Row) -> dict[str, str]:
    devices = number(row.get("n_gpus"))
    if devices is None:
        devices = _devices(row.get("parallelism") or "")
    total, each = number(row.get("total_output_tokens_per_s")), number(row.get("output_tokens_per_s_per_gpu"))
    if total is None and each is not None and devices:
        total = each * devices
    notes = row.get("notes") or ""
    if "per node" in notes and total:
        decoding = re.search(r"ep\s?(\d+) decode", (row.get("parallelism") or "").lower())
        devices = devices or (float(decoding.group(1)) if decoding else 8.0)
        total = total * devices / 8
    source = row.get("source") or ""
    publisher = next((name for key, name in _PUBLISHERS.items() if key in source.lower()), source)
    return dict(row) | {
        "publisher": publisher,
        "n_gpus": "" if devices is None else f"{devices:g}",
        "output_tokens_per_s_total": "" if total is None else f"{total:g}",
        "ttft_ms_mean": row.get("ttft_ms") or "",
        "tpot_ms_mean": row.get("tpot_ms") or "",
        "dataset": row.get("dataset") or source,
    }


def _devices(parallelism: str) -> float | None:
    """TP1,PP2 needs two."""
    found = [
        number(part) for part in parallelism.upper().replace("+", ",").split(",") if part.strip()[:2] in {"TP", "PP"}
    ]
    count = 1.0
    for degree in found:
        count *= degree or 1
    return count if found else None
