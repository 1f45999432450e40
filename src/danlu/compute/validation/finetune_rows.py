"""Published fine-tuning runs, a row a measurement, as questions to the planner.

Conventions: the printed memory has its unit in the notes; an iteration is what its source calls one (a micro-batch in
LitGPT and torchtune, an optimiser step elsewhere); samples a second stand in the notes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster, find
from danlu.compute.job import Batch, Job
from danlu.compute.job.layout import Layout
from danlu.compute.validation import finetune_cells as cells
from danlu.compute.validation.case import Case, Target
from danlu.compute.validation.finetune_lengths import USUAL, Lengths, of_dataset
from danlu.compute.validation.training_cells import Row, number, optimiser, publisher, text_of, whole
from danlu.compute.validation.training_hardware import cluster
from danlu.compute.validation.training_shapes import architecture
from danlu.errors import RecipeError

HEADER = frozenset({"id", "method", "quant", "packed", "micro_batch", "grad_accum", "peak_memory_gb_per_gpu"})
_KNOWABLE_CAP = 8192.0  # a longer one says that rows are long, and not how long
_CAP = 2048.0  # tokens of a row where nobody tells: what most fine-tuners cut at unless told otherwise
_CAPS = {"galore": 256.0}  # the same, of scripts with a default of their own (torchrun_main.py)
_MICRO = {"axolotl": 1, "litgpt": 1}  # rows of a micro-batch where nobody tells; others' own examples set 2
_DROPS_LONG_ROWS = ("ms-swift",)  # its truncation_strategy is "delete" unless told
_ITERATES_MICRO = {"litgpt", "torchtune"}
_EVALUATION = 0.15  # of LitGPT's runs, whose hours include validation: a forward pass over 100 batches now and then


def read(rows: Iterable[Row]) -> Iterator[Case]:
    """One case for each figure (memory, time) that a row holds."""
    for row in rows:
        if number(row.get("peak_memory_gb_per_gpu")) is not None:
            yield _case(row, "finetune_memory")
        if any(number(row.get(name)) is not None for name in ("tokens_per_s", "s_per_iter", "hours")) or _rate(row):
            yield _case(row, "finetune_step_time")


def _case(row: Row, target: Target) -> Case:
    """A row that cannot be predicted, or whose figure must not judge, says why."""
    name = row.get("id") or ""
    whose = publisher(row.get("publisher") or row.get("source") or "?")
    printed = number(row.get("peak_memory_gb_per_gpu")) or 0.0
    memory = printed * cells.memory_unit(row)
    judges, why = _judges(row, target)
    try:
        reading = _Reading.of(row)
        if target == "finetune_memory":
            return Case(name, target, whose, memory, reading.memory_job(), judges=judges, reason=why)
        actual, job = reading.timed()
        return Case(name, target, whose, actual, job, judges=judges, reason=why)
    except RecipeError as error:
        fallback = memory if target == "finetune_memory" else number(row.get("s_per_iter")) or 0.0
        return Case(name, target, whose, fallback, None, judges=judges, reason=why or str(error))


def _judges(row: Row, target: Target) -> tuple[bool, str]:
    """Whether the row's figure was measured, and means one thing; else why not."""
    status, notes = text_of(row, "status").strip(), text_of(row, "notes")
    timed = target == "finetune_step_time"
    bound = re.search(r"capacity bound|largest that fits|card size", notes) is not None
    whole_settings = bool(row.get("micro_batch") and row.get("seq_len"))
    aside = (
        (re.search(r"estimate|analytic|quoted|projected", status), f"the source calls it {status}"),
        (not timed and bound, "a capacity, not a measured peak"),
        (timed and "extrapolat" in notes, "extrapolated from a short run"),
        ("reported" in status and not whole_settings, "a figure out of a thread, without batch or length"),
        (timed and "warming up" in notes, "the run was still warming up"),
        (timed and _is_ambiguous(row), "whether its tokens a second are of one device or of all is not told"),
    )
    why = next((reason for found, reason in aside if found), "")
    return not why, why


def _is_ambiguous(row: Row) -> bool:
    only = number(row.get("tokens_per_s")) is not None and number(row.get("s_per_iter")) is None
    untold = not text_of(row, "tokens_per_s_unit").strip() and "unit not stated" in text_of(row, "notes")
    return only and untold and (whole(row.get("n_gpus")) or 1) > 1


def _rate(row: Row) -> float | None:
    """Samples a second, where the notes have them: as a rate, or as a count over seconds."""
    notes = row.get("notes") or ""
    told = re.search(r"samples_per_s(?:ec\w*)?\s*=\s*([\d.]+)", notes)
    if told:
        return float(told[1]) or None
    counted = re.search(r"([\d,]+) samples\s*/\s*([\d.]+) sec", notes)
    return float(counted[1].replace(",", "")) / float(counted[2]) if counted else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A row with what every question about it needs. tokens: of a row on average as computed, None where unknown."""

    row: Row
    framework: str
    architecture: Architecture
    cluster: Cluster | None
    layout: Layout
    micro: int
    accumulated: int
    cap: float
    lengths: Lengths | None
    tokens: float | None

    @classmethod
    def of(cls, row: Row) -> _Reading:
        """Raises RecipeError where the row does not even say what is trained."""
        if cells.method(row) is None:
            raise RecipeError(f"method {row.get('method')!r} of {row.get('model')!r} is not one that is planned.")
        count = whole(row.get("n_gpus")) or 1
        name = cells.framework(row)
        micro = whole(row.get("micro_batch")) or _MICRO.get(name, 2)
        layout = cells.layout(row, count)
        together = re.search(r"global_batch_size\D{0,3}(\d+)", row.get("notes") or "")
        told = whole(row.get("seq_len"))
        known = of_dataset(text_of(row, "dataset"))
        usual = _CAPS.get(text_of(row, "framework").split(" ")[0], _CAP)
        cap = float(told or min(known.longest if known else usual, usual))
        dropped = any(word in text_of(row, "framework") for word in _DROPS_LONG_ROWS)
        lengths = None if known is None else known.kept(told) if dropped else known.cut(told)
        accumulated = whole(row.get("grad_accum")) or _accumulated(row, lengths, micro)
        if together:
            accumulated = max(1, round(int(together[1]) / (micro * layout.dp)))
        return cls(
            row,
            name,
            _architecture(row),
            _cluster(row),
            layout,
            micro,
            accumulated,
            cap,
            lengths,
            _tokens(row, lengths, cap, micro, accumulated),
        )

    def _job(self, cluster: Cluster, sequences: int, tokens: float) -> Job:
        packing, kind, notes = (text_of(self.row, column) for column in ("packed", "framework", "notes"))
        padding_free = "padding-free" in packing or "padding_free" in notes or "megatron-swift" in kind
        longest = min(self.cap, self.lengths.longest) if self.lengths and not _packed(self.row) else self.cap
        return Job(
            architecture=self.architecture,
            cluster=cluster,
            batch=Batch(
                seq_len=round(self.cap),
                sequences=sequences,
                micro=self.micro,
                longest=longest,
                mean=tokens,
                document=tokens if padding_free and not _packed(self.row) else None,
            ),
            layout=self.layout,
            tuning=cells.tuning(self.row),
            numerics=cells.numerics(self.row, self.framework),
            recompute=cells.recompute(self.row, self.framework, self.layout.num_devices),
            optimiser=optimiser(self.row),
            software=cells.software(self.row, self.framework),
            savings=cells.savings(self.row),
        )

    def memory_job(self) -> Job:
        """Memory does not ask for the device: where none is named, the question has a common one."""
        cluster = self.cluster or Cluster.of(find("A100 SXM 80GB"), self.layout.num_devices)
        sequences = self.micro * self.layout.dp * self.accumulated
        return self._job(cluster, sequences, self.tokens or self.cap)

    def _slowest(self, tokens: float) -> float:
        """Ranks wait for the one with the longest rows, where rows are ragged and nobody balances them."""
        ranks = self.layout.dp
        if ranks <= 1 or self.lengths is None or _packed(self.row) or "multipack" in text_of(self.row, "framework"):
            return tokens
        spread = self.lengths.deviation / self.lengths.mean / math.sqrt(self.micro)
        return tokens * (1 + spread * NormalDist().inv_cdf((ranks - 0.375) / (ranks + 0.25)))

    def timed(self) -> tuple[float, Job]:
        """Seconds of one iteration as its source counts it, and that iteration as a job."""
        if self.cluster is None:
            named = (self.row.get("hardware") or "").strip()
            why = f"hardware {named!r} is not in the catalogue" if named else "the row does not name the GPU"
            raise RecipeError(f"{why}, and time without it is a guess.")
        rows = self.micro * self.layout.dp * self.accumulated
        rate, per_s = _rate(self.row), number(self.row.get("tokens_per_s"))
        seconds, hours = number(self.row.get("s_per_iter")), number(self.row.get("hours"))
        if seconds is not None:
            micro_step = re.search(r"micro-?(step|batch)", self.row.get("notes") or "")
            if self.framework in _ITERATES_MICRO or micro_step:
                rows = self.micro * self.layout.dp
            return seconds, self._job(self.cluster, rows, self._slowest(self._known_tokens()))
        if per_s is not None:
            tokens = self.tokens or self.cap
            everywhere = per_s * (self.layout.num_devices if _per_device(self.row) else 1)
            return rows * tokens / everywhere, self._job(self.cluster, rows, tokens)
        if rate is not None:
            return rows / rate, self._job(self.cluster, rows, self._slowest(self._known_tokens()))
        return self._from_hours(hours or 0.0, rows)

    def _known_tokens(self) -> float:
        if self.tokens is None:
            raise RecipeError("the row does not say how long its samples are: a cap is no length.")
        return self.tokens

    def _from_hours(self, hours: float, rows: int) -> tuple[float, Job]:
        notes = self.row.get("notes") or ""
        epochs = re.search(r"(\d+|one)\s*epochs?", notes)
        limit = re.search(r"max_steps\s*=?\s*(\d+)", notes)
        if limit:
            steps = float(limit[1])
        elif epochs and self.lengths and self.lengths.rows:
            steps = (1 if epochs[1] == "one" else int(epochs[1])) * self.lengths.rows / rows
        else:
            raise RecipeError("only a whole run's hours are told, and not how many steps it took.")
        assert self.cluster is not None
        share = 1 - _EVALUATION if "includes eval" in notes else 1.0
        return hours * 3600 * share / steps, self._job(self.cluster, rows, self._known_tokens())


def _packed(row: Row) -> bool:
    return re.match(r"\s*(yes|true|packed|1|no \(padded)", text_of(row, "packed")) is not None


def _per_device(row: Row) -> bool:
    return re.search(r"per.?(gpu|device)|/gpu", text_of(row, "tokens_per_s_unit") or text_of(row, "notes")) is not None


def _tokens(row: Row, lengths: Lengths | None, cap: float, micro: int, accumulated: int) -> float | None:
    """Of a row on average as computed; None where nobody can know.

    By the row's own two rates; the cap where rows fill it (packed, or where packing is not even spoken of); the data
    set's lengths; of data that nobody knows, those of usual instructions.
    """
    if _packed(row):
        return cap if whole(row.get("seq_len")) else None
    per_s, seconds = number(row.get("tokens_per_s")), number(row.get("s_per_iter"))
    if per_s is not None and seconds is not None and _per_device(row):
        return per_s * seconds / (micro * accumulated)
    if lengths is None and whole(row.get("seq_len")):
        spoken_of = bool((row.get("packed") or "").strip())
        if not spoken_of:
            return cap
        lengths = USUAL.cut(cap) if cap <= _KNOWABLE_CAP else None
    if lengths is None:
        return None
    return lengths.mean if "free" in text_of(row, "packed", "notes") else lengths.padded(micro)


def _accumulated(row: Row, lengths: Lengths | None, micro: int) -> int:
    """Micro-batches of a step where nobody told: as many as its tokens fill."""
    per_s, seconds = number(row.get("tokens_per_s")), number(row.get("s_per_iter"))
    if lengths is None or per_s is None or seconds is None or _packed(row) or not _per_device(row):
        return 1
    mean = lengths.mean if "free" in text_of(row, "packed") else lengths.padded(micro)
    return max(1, round(per_s * seconds / (micro * mean)))


def _architecture(row: Row) -> Architecture:
    found, _ = architecture(row)
    if found is None:
        raise RecipeError(f"model {row.get('model') or ''!r} is not known, and the row does not give its size.")
    return found


def _cluster(row: Row) -> Cluster | None:
    """None where only a capacity ("24 GB GPU") is told, or nothing."""
    cell = (row.get("hardware") or "").strip()
    told = re.search(r"GPU type (?!not)([A-Z]\w+)", row.get("notes") or "")
    cell = cell or (told[1] if told else "")
    if not cell or re.match(r"\d+\s*GB GPU", cell):
        return None
    return cluster({**row, "hardware": cell})[0]
