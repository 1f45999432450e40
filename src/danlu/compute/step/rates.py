"""What a device, its links and its network give to a training step.

Sources: measured products and links of github.com/stas00/ml-engineering (compute/accelerator, network); Dao 2023, arXiv
2307.08691, and Shah et al. 2024, arXiv 2407.08608 (attention kernels by generation);
Patki et al. 2019 (the clock under a power cap).
"""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue import ELEMENT_BYTES, Cluster, Device, Precision
from danlu.compute.catalogue.device import DEFAULT_REACH
from danlu.compute.job import Job
from danlu.compute.step.constants import StepConstants

_POWER_TO_CLOCK = 0.4  # near its limit a processor's power grows with about the 2.5th power of its clock
_MATURE_YEAR = 1.0  # kernels for a new device gain half of what is missing in a year


def clock(cluster: Cluster, precision: Precision) -> float:
    """Share of the rate of a short product that a device holds for hours, by the watts that it has for its arithmetic.

    Energy of a product goes with the bits of its operands. An H100 has 0.35 pJ for each FLOP of 8 bits at its peak;
    devices with less, by design or under a cap, slow down (Patki et al. 2019; Samsi et al. 2023, arXiv 2310.03003).
    """
    device = cluster.device
    watts = min(device.watts, cluster.power_cap_watts or device.watts)
    used = device.runs(precision)
    if device.kind == "cpu" or used in {"fp32", "tf32"}:
        return float((watts / device.watts) ** _POWER_TO_CLOCK)
    joules = watts / (device.peaks[used] * ELEMENT_BYTES[used])
    return float(min(1.0, (joules / _ENOUGH_JOULES) ** _POWER_TO_CLOCK))


_ENOUGH_JOULES = 700 / 1979e12  # for each FLOP of 8 bits


def _reached(device: Device, precision: Precision) -> float:
    """FLOP/s of a large product. Where nobody measured 8 bits their share of the peak is that of 16, as measured ones
    are; 4 bits fall short of their peak more than 8 do."""
    used = device.runs(precision)
    if used in device.reach:
        return device.reached_flops_per_s(precision)
    eight = device.reach.get("fp8", device.reach.get("bf16", DEFAULT_REACH))
    return device.peaks[used] * {"fp8": eight, "fp4": 0.8 * eight}.get(used, DEFAULT_REACH)


@dataclass(frozen=True, slots=True)
class Rates:
    """FLOP/s of linear layers in the job's precision, of the head, of attention; bytes/s of memory, links, network."""

    products: float
    head: float
    attention: float
    memory: float
    link: float
    network: float

    @classmethod
    def of(cls, job: Job, constants: StepConstants) -> Rates:
        """For this job's devices, precision and software."""
        cluster, device = job.cluster, job.cluster.device
        age = max(0.0, job.software.year - (device.year or 2020))
        mature = 1 - constants.immature * 0.5 ** (age / _MATURE_YEAR)
        held = constants.sustained * mature
        precision = job.numerics.compute
        wide: Precision = "fp16" if precision == "fp16" else "fp32" if precision == "fp32" else "bf16"
        cool = held * clock(cluster, wide)
        head = device.reached_flops_per_s(wide) * cool
        link = device.link_bytes_per_s or device.network_bytes_per_s or 16e9
        network = cluster.network_bytes_per_s or device.network_bytes_per_s or link
        return cls(
            products=_reached(device, precision) * held * clock(cluster, precision),
            head=head,
            attention=device.flops_per_s(wide) * cool * attention_share(job),
            memory=device.memory_bytes_per_s * constants.memory,
            link=link * constants.link,
            network=network * constants.network,
        )


def attention_share(job: Job) -> float:
    """Share of the bf16 peak that the fused attention kernel at hand reaches, forward and backward together.

    By the kernel's generation and the device's (the papers' measurements, causal, heads of 128): the first
    FlashAttention until mid-2023, the second since, and kernels written for the device (the third, cuDNN's) where the
    framework brings them; PyTorch's own is still the second. Narrower heads reach less.
    """
    launch, software = job.cluster.device.year or 2020, job.software
    shape = job.architecture
    width = shape.head_width if shape.latent is None else shape.latent.nope_width
    row = 0 if software.year < 2023.5 else 2 if software.framework in _NATIVE_ATTENTION else 1
    column = 0 if launch < 2022 else 1 if launch < 2025 else 2
    narrow = (0.1, 0.5, 0.5)[column] * max(0.0, 1 - width / 128)
    share = _KERNELS[row][column]
    if row == 1 and not software.framework:
        share = (share + _KERNELS[2][column]) / 2  # nobody told which of the two
    return (1 - narrow) * share


_KERNELS = (  # Ampere, Hopper, Blackwell
    (0.33, 0.20, 0.15),
    (0.58, 0.31, 0.22),
    (0.58, 0.52, 0.50),
)
_NATIVE_ATTENTION = {"megatron", "nanochat", "jax"}
