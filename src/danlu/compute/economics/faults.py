"""Interruptions: how often, what they cost, how often to save.

Sources: Daly 2006, "A higher order estimate of the optimum checkpoint interval for restart dumps", FGCS 22(3),
equations 20 and 37; The Llama 3 herd of models, arXiv 2407.21783, section 3.3.4: 419 unexpected interruptions in 54
days on 16,384 H100, 78% of them hardware; MegaScale, arXiv 2402.15627: found and diagnosed within 10 minutes.
Elsewhere: 1,024 A100 of a shared cluster were interrupted every 7.9 h (Kokolis et al. 2024, arXiv 2410.21680), six
times as often a device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.economics.assumption import assumed, checked
from danlu.compute.words import duration

ADAM_BYTES = 14.0  # of a parameter in a checkpoint: bf16 weights, fp32 master and two fp32 moments
_RARE = 0.02  # interruptions of a run that nobody plans for


@dataclass(frozen=True, slots=True)
class Reliability:
    """Failures independent and memoryless (Poisson), one device's fault interrupts the whole job."""

    mtbf_h: float = assumed(
        50_700, "h", "hours of one device between interruptions of its job", "arXiv 2407.21783", least=1e-3
    )
    restart_s: float = assumed(
        600, "s", "from a fault until the job loads its checkpoint", "arXiv 2402.15627: under 10 minutes"
    )
    storage_gb_s: float = assumed(
        0.12, "GB/s", "writing rate of storage for each device", "arXiv 2407.21783: 2 TB/s for 16,384", least=1e-6
    )
    disk_gb_s: float = assumed(1.0, "GB/s", "and at least, for the whole job", "assumption: one NVMe disk", least=1e-6)
    hidden_write: float = assumed(
        0.9, "share", "of writing a checkpoint, hidden behind training", "PyTorch asynchronous checkpoints", most=1.0
    )
    hardware_share: float = assumed(
        0.78, "share", "of interruptions that take a node out", "arXiv 2407.21783", most=1.0
    )
    repair_h: float = assumed(48, "h", "until a node that failed is back", "assumption")
    confidence: float = assumed(0.95, "share", "of the time that spare nodes suffice", "assumption", most=0.9999)

    def __post_init__(self) -> None:
        checked(self)

    def mtti_s(self, num_devices: float) -> float:
        """Mean seconds between interruptions of a job on so many devices."""
        return self.mtbf_h * 3600 / num_devices

    def write_s(self, num_bytes: float, num_devices: float) -> float:
        """Seconds until a checkpoint is safe."""
        return num_bytes / (1e9 * max(self.disk_gb_s, self.storage_gb_s * num_devices))


def optimum_interval_s(stall_s: float, mtti_s: float) -> float:
    """Seconds of training between checkpoints that costs least (Daly's equation 37). stall_s: what each one costs."""
    if stall_s >= 2 * mtti_s:
        return mtti_s
    ratio = stall_s / (2 * mtti_s)
    return math.sqrt(2 * stall_s * mtti_s) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - stall_s


def wall_s(solve_s: float, interval_s: float, *, stall_s: float, restart_s: float, mtti_s: float) -> float:
    """Expected seconds of a job that needs solve_s without faults (Daly's equation 20); inf where it never ends."""
    try:
        again = math.expm1((interval_s + stall_s) / mtti_s) * math.exp(restart_s / mtti_s)
    except OverflowError:
        return math.inf
    return mtti_s * again * solve_s / interval_s


def spare_nodes(failures_per_h: float, repair_h: float, confidence: float) -> int:
    """Nodes beside the job so that with this probability no failed one is missed: a quantile of Poisson's law."""
    mean = failures_per_h * repair_h
    if mean > 200:  # the normal limit, with its correction for whole numbers
        from statistics import NormalDist

        return math.ceil(mean + NormalDist().inv_cdf(confidence) * math.sqrt(mean) - 0.5)
    count, chance = 0, math.exp(-mean)
    held = chance
    while held < confidence:
        count += 1
        chance *= mean / count
        held += chance
    return count


@dataclass(frozen=True, slots=True)
class Faults:
    """What interruptions do to a run. lost_s: work and waiting that one costs on average. stall_s: of one checkpoint.

    goodput: share of the wall time that trains. wall_s: expected, inf where faults come faster than progress.
    """

    mtti_s: float
    interval_s: float
    write_s: float
    stall_s: float
    lost_s: float
    wall_s: float
    goodput: float
    interruptions: float
    spare_nodes: int

    @property
    def words(self) -> str:
        """A sentence."""
        if not self.goodput:
            return (
                f"An interruption every {duration(self.mtti_s)}: the run never ends; save faster or use fewer devices."
            )
        if self.interruptions < _RARE:
            return f"An interruption is unlikely: one in {duration(self.mtti_s)} of such a run."
        return (
            f"An interruption every {duration(self.mtti_s)}, {self.interruptions:.3g} in all; save every "
            f"{duration(self.interval_s)}; {self.goodput:.1%} of the time trains."
        )


def faults(
    solve_s: float,
    num_devices: int,
    checkpoint_bytes: float,
    reliability: Reliability | None = None,
    *,
    interval_s: float | None = None,
) -> Faults:
    """Of a run that takes solve_s without faults. interval_s: between checkpoints, the best one unless told.

    A checkpoint that is still being written does not help: its hidden part is lost again, and a restart reads it all.
    """
    known = reliability or Reliability()
    mtti, write = known.mtti_s(num_devices), known.write_s(checkpoint_bytes, num_devices)
    stall = max((1 - known.hidden_write) * write, 1e-3)
    chosen = interval_s or max(optimum_interval_s(stall, mtti), known.hidden_write * write)
    chosen = max(min(chosen, solve_s), 1e-3)
    restart = known.restart_s + write + known.hidden_write * write
    wall = wall_s(solve_s, chosen, stall_s=stall, restart_s=restart, mtti_s=mtti)
    out = num_devices / known.mtbf_h * known.hardware_share
    return Faults(
        mtti_s=mtti,
        interval_s=chosen,
        write_s=write,
        stall_s=stall,
        lost_s=chosen / 2 + restart,
        wall_s=wall,
        goodput=solve_s / wall,
        interruptions=wall / mtti,
        spare_nodes=spare_nodes(out, known.repair_h, known.confidence),
    )
