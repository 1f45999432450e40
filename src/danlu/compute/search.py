"""The fastest layout that fits, the runner-up, and why.

A first pass takes every layout with one row a forward pass and the least recomputation that fits; a second one tries
the variants of the best: rows of a forward pass, recomputation, virtual stages, resharding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from danlu.compute.job import Batch, Job, Layout
from danlu.compute.job import check as check_job
from danlu.compute.job.job import Recompute
from danlu.compute.layouts import check, layouts, least_bytes
from danlu.compute.question import TRAINS_WHOLE, Question, usual_sequences
from danlu.errors import RecipeError

_RECOMPUTE: tuple[Recompute, ...] = ("none", "selective", "full")
KEPT = 8  # layouts of the first pass whose variants are tried
_LARGER = 1.5  # a step may have so many more rows than usual where nobody fixed them


@dataclass(frozen=True, slots=True)
class Pace:
    """What a step takes: seconds, of which parts by name."""

    time_s: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job of the question, the bytes that its fullest device needs, and the pace of a step."""

    job: Job
    memory_bytes: float
    fits: bool
    pace: Pace

    @property
    def row_s(self) -> float:
        """Seconds for one row of the step, over all devices: what layouts of unequal steps are compared by."""
        return self.pace.time_s / self.job.batch.sequences

    @property
    def family(self) -> tuple[object, ...]:
        """What makes two layouts different ones, rather than variants."""
        made = self.job.layout
        if made.num_devices == 1:
            return (self.job.recompute,)
        return (made.tp, made.pp, made.cp, made.ep, made.sharding, made.shard_group)


@dataclass(frozen=True, slots=True)
class Found:
    """best: the fastest that fits; where none does, the one that needs least. runner_up: of another family."""

    best: Candidate
    runner_up: Candidate | None
    tried: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How a job is judged: bytes of its fullest device, and the pace of a step."""

    memory: Callable[[Job], float]
    pace: Callable[[Job], Pace]


def search(question: Question, rules: Rules, *, kept: int = KEPT) -> Found:
    """The best layout of the question. kept: layouts of the first pass whose variants are tried.

    Raises RecipeError where what the question fixes cannot be.
    """
    check(question)
    usable = question.cluster.device.usable_bytes
    first, tried = _first_pass(question, rules, usable)
    fitting = sorted((c for c in first if c.fits), key=lambda c: c.row_s)
    if not fitting:
        least = min(first, key=lambda c: c.memory_bytes)
        return Found(least, None, tried)
    known = {(c.job.layout, c.job.recompute, c.job.batch): c for c in fitting}
    for candidate in fitting[:kept]:
        for job in _variants(question, candidate.job):
            key = (job.layout, job.recompute, job.batch)
            if key not in known:
                tried += 1
                needed = rules.memory(job)
                if needed <= usable:
                    known[key] = Candidate(job, needed, True, rules.pace(job))
    ranked = sorted(known.values(), key=lambda c: c.row_s)
    best = ranked[0]
    return Found(best, next((c for c in ranked if c.family != best.family), None), tried)


def _first_pass(question: Question, rules: Rules, usable: float) -> tuple[list[Candidate], int]:
    found: list[Candidate] = []
    least: Candidate | None = None
    tried = 0
    for layout in _possible(question, _sensible(question)):
        if least_bytes(question, layout) > usable and least is not None:
            continue
        for recompute in _options(question):
            tried += 1
            job = job_of(question, layout, recompute, question.rows.micro or 1)
            needed = rules.memory(job)
            if needed <= usable:
                found.append(Candidate(job, needed, True, rules.pace(job)))
                break
        else:
            if least is None or needed < least.memory_bytes:
                least = Candidate(job, needed, False, rules.pace(job))
    return found or [least] if least is not None else found, tried


def _sensible(question: Question) -> list[Layout]:
    """Layouts whose data-parallel ranks have rows to work on. Raises RecipeError where the batch allows none."""
    all_of_them = list(layouts(question))
    told, micro = question.rows.sequences, question.rows.micro or 1
    if told is not None:
        kept = [layout for layout in all_of_them if told % (layout.dp * micro) == 0]
        if kept:
            return kept
        ranks = {layout.dp * micro for layout in all_of_them}
        near = min((max(1, round(told / n)) * n for n in ranks), key=lambda rows: abs(rows - told), default=told)
        raise RecipeError(
            f"batch={told} rows cannot be shared evenly by {question.cluster.num_devices} devices in any layout"
            f"{f' with micro={micro}' if micro > 1 else ''}; the nearest batch that can is {near}."
        )
    usual = usual_rows(question)
    if question.tuning.method in TRAINS_WHOLE:
        return [x for x in all_of_them if _rounded(usual, x.dp * micro) <= _LARGER * usual] or all_of_them
    return all_of_them


def _possible(question: Question, sensible: Sequence[Layout]) -> list[Layout]:
    """Those that a job can have. Raises RecipeError, as the job's own check says it, where none can."""
    refusals = {layout: _refusal(job_of(question, layout, "none", question.rows.micro or 1)) for layout in sensible}
    kept = [layout for layout, refusal in refusals.items() if refusal is None]
    if not kept:
        raise next(refusal for refusal in refusals.values() if refusal is not None)
    return kept


def _refusal(job: Job) -> RecipeError | None:
    try:
        check_job(job)
    except RecipeError as error:
        return error
    return None


def usual_rows(question: Question) -> int:
    """Rows of a step where the user names none."""
    return usual_sequences(question.rows, question.tuning.method, question.cluster.num_devices)


def job_of(question: Question, layout: Layout, recompute: Recompute, micro: int) -> Job:
    """The question with everything decided."""
    rows = question.rows
    sequences = rows.sequences or _rounded(usual_rows(question), layout.dp * micro)
    return Job(
        architecture=question.architecture,
        cluster=question.cluster,
        batch=Batch(seq_len=rows.seq_len, sequences=sequences, micro=micro, mean=rows.mean, document=rows.document),
        layout=layout,
        tuning=question.tuning,
        numerics=question.numerics,
        recompute=recompute,
        optimiser=question.optimiser,
        software=question.software,
    )


def _rounded(rows: int, ranks: int) -> int:
    return -(-rows // ranks) * ranks


def _options(question: Question) -> Sequence[Recompute]:
    fixed = question.degrees.recompute
    return _RECOMPUTE if fixed is None else (fixed,)


def _variants(question: Question, job: Job) -> Iterator[Job]:
    rows_of_rank = job.batch.sequences // job.layout.dp
    micros = (question.rows.micro,) if question.rows.micro else (1, 2, 4, 8, 16)
    for layout in _stage_variants(question, job.layout):
        for micro in micros:
            if micro > rows_of_rank or rows_of_rank % micro:
                continue
            for recompute in _options(question):
                job = job_of(question, layout, recompute, micro)
                if _refusal(job) is None:
                    yield job


def _stage_variants(question: Question, layout: Layout) -> Iterator[Layout]:
    yield layout
    fixed, layers = question.degrees, question.architecture.num_layers
    if layout.pp > 1 and fixed.virtual is None and fixed.schedule is None:
        for virtual in (2, 4, 5, 10):
            if layers % (layout.pp * virtual) == 0 or (layers + 2) % (layout.pp * virtual) == 0:
                yield replace(layout, virtual_stages=virtual, schedule="interleaved")
    if layout.sharding == "zero3" and fixed.reshard is None:
        yield replace(layout, reshard=False)


def why(best: Candidate, other: Candidate) -> str:
    """What the runner-up loses, in words."""
    slower = other.row_s / best.row_s - 1
    scale = best.job.batch.sequences / other.job.batch.sequences
    parts = {**best.pace.parts, **other.pace.parts}
    lost = {p: scale * other.pace.parts.get(p, 0.0) - best.pace.parts.get(p, 0.0) for p in parts}
    worst = max(lost, key=lambda p: lost[p], default="")
    because = f", mostly {worst}" if worst and lost[worst] > 0 and slower > 0.001 else ""
    room = (best.memory_bytes - other.memory_bytes) / 1e9
    spare = f"; it needs {abs(room):.0f} GB {'less' if room > 0 else 'more'}" if abs(room) >= 1 else ""
    return f"{slower:+.1%} time{because}{spare}"
