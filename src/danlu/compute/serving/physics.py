"""What no deployment can do: a rule by which published figures are set aside."""

from __future__ import annotations

from danlu.compute.serving.question import Question

RULE = (
    "a time per token below the time to read the active weights once at peak bandwidth, or output rate x time per "
    "token above 1.25 x concurrency in a closed loop, contradicts physics and does not judge"
)


def floor_s(question: Question) -> float:
    """Seconds to read the weights that one token needs, at full bandwidth on all devices of the layer."""
    shape, form = question.architecture, question.weights
    dense = shape.active_matrix_parameters * form.weight_bytes + shape.head_parameters * min(form.other_bytes, 1.0)
    return dense / (question.split.width * question.cluster.device.memory_bytes_per_s)


def contradiction(question: Question, target: str, actual: float, rate: float | None, tpot_s: float | None) -> str:
    """Why the figure is impossible, "" where it is not."""
    floor = floor_s(question) / question.accepted
    if target == "tpot" and actual < floor:
        return (
            f"time per token {actual * 1e3:.2f} ms is below the {floor * 1e3:.2f} ms that reading the active weights "
            "takes at peak bandwidth"
        )
    clients = question.load.concurrency
    if question.load.mode == "closed" and clients and rate and tpot_s and rate * tpot_s > 1.25 * clients:
        return f"output rate x time per token is {rate * tpot_s:.0f} with {clients:.0f} clients"
    return ""
