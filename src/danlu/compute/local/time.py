"""How long each stage takes, part by part. On a CPU arithmetic, bytes moved and operations started are added up."""

from __future__ import annotations

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Device
from danlu.compute.local.evaluation_time import evaluate
from danlu.compute.local.seconds import Part
from danlu.compute.local.training_time import TORCH_S, train
from danlu.compute.local.workload import Workload
from danlu.recipe import Training

_ROW_S, _PLAIN_ROW_S = 0.0035, 0.001  # reading, rendering, filtering and comparing a dialogue, a plain text
_ITEMS_S, _FETCH_S, _REPORT_S = 0.4, 8.0, 0.1
_TEXT_S_PER_BYTE = 0.5e-6  # reading text, holding documents out, training a tokenizer on the rest


def parts(model: Architecture, training: Training, workload: Workload, device: Device) -> tuple[Part, ...]:
    """All parts of all stages, in the order of the run."""
    text = workload.text_bytes or 0.0
    row_s = _PLAIN_ROW_S if workload.plain else _ROW_S
    fresh = 0.0 if workload.text_bytes is None else TORCH_S + 2.0 * model.num_parameters / 1e9
    return (
        Part.fixed("base", "base", 0.05 + fresh + _TEXT_S_PER_BYTE * text),
        Part.fixed("items", "items", _ITEMS_S + _TEXT_S_PER_BYTE * text + _FETCH_S * workload.fetches),
        Part.fixed("data", "data", 0.3 + row_s * workload.rows + _TEXT_S_PER_BYTE * text),
        *train(model, training, workload, device),
        *evaluate(model, training.precision, workload, device),
        Part.fixed("report", "report", _REPORT_S),
    )
