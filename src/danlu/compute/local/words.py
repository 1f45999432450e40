"""What a plan says about where its corrections come from."""

from __future__ import annotations

from collections.abc import Sequence

from danlu.compute.local.calibration import Calibration
from danlu.compute.local.probe import BUSY, Probe

_TOLD_S = 1.0  # parts that took less are not told one by one
_WHOSE = {
    "recipe": "this recipe",
    "base": "another recipe with this base",
    "machine": "another recipe",
}


def learnt(calibration: Calibration, probe: Probe | None, stages: Sequence[str]) -> tuple[str, ...]:
    """One sentence on past runs, one on a probe; one on neither."""
    said = []
    runs = max((calibration.time(stage).count for stage in stages), default=0)
    if runs:
        corrected = ", ".join(f"{s} x{calibration.time(s).value:.2f}" for s in stages if s in calibration.times)
        said.append(f"corrected by {runs} past {'run' if runs == 1 else 'runs'} on this hardware ({corrected})")
    if probe is not None:
        said += _of_probe(probe)
    return tuple(said) or (
        "no run on this hardware is on record: the plan is right within a factor of two (--probe measures first)",
    )


def _of_probe(probe: Probe) -> list[str]:
    rates = [f"{probe.rates[p] / 1e9:,.0f} GFLOP/s in {p} products" for p in ("bf16", "fp32") if p in probe.rates]
    rates += [f"{probe.rates['memory'] / 1e9:.0f} GB/s of memory"] if "memory" in probe.rates else []
    corrected = ", ".join(
        f"{part} x{found.measured / found.model:.2f}"
        for part, found in probe.times.items()
        if found.model > 0 and found.measured > _TOLD_S
    )
    said = [f"corrected by a probe of {_WHOSE[probe.likeness]} here: {', '.join(rates)} ({corrected})"]
    if probe.busy > BUSY:
        said.append(
            f"other programs took {probe.busy:.0%} of the processor during the probe: an idle machine's times were "
            "estimated from processor time, and are less sure"
        )
    return said
