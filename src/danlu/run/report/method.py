"""The parts of a report on how to trust it: the method in a few sentences, the recipe, and where all came from."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from ruamel.yaml import YAML

from danlu.run.report import words
from danlu.run.report.blocks import Block, Cell, Code, Facts, Folded, Paragraph, table

Json = Mapping[str, Any]


def method(run: Json, evaluation: Json, plan: Json) -> Iterator[Block]:
    """What an interval is, what the words mean, what was fixed before."""
    yield Paragraph(_marking(evaluation))
    yield Paragraph(
        "A 95% interval is computed from how much the groups of items differ. Were the evaluation repeated with other "
        "items of the same kind, such an interval would hold the true change in 95 of 100 repetitions. Better means "
        "that the whole interval lies on the good side of zero; not better, that it does not reach the good side; "
        "undecided, that it holds both, so more items are needed for a claim. Fewer than six groups claim nothing."
    )
    kept_out = (
        "That the data holds none of the items was not ensured: see what was accepted at the top."
        if "14" in {str(number) for number in run.get("accepted") or ()}
        else "Training rows that hold an item word for word were taken out, or stopped the run."
    )
    yield Paragraph(f"{_shipping(evaluation)} Items, metrics and margins were written down before training. {kept_out}")
    if plan.get("detectable"):
        yield _detectable(plan["detectable"])
    if not evaluation["guard"] and not words.from_scratch(evaluation["scenario"]):
        yield Paragraph("This run had no guard, so it cannot ship.")


def provenance(run: Json, plan: Json, card: Json) -> Iterator[Block]:
    """Base, licences, hashes, versions, and the recipe."""
    base = run.get("base") or {}
    if base.get("dequantised"):
        yield Paragraph(
            f"The base's weights were published quantised ({base['dequantised']}) and were expanded to bf16 before "
            "anything else. Base and tuned here both mean that model, not the one it was quantised from."
        )
    yield Facts(tuple(_facts(run, base, plan, card)))
    if run.get("recipe"):
        yield Folded("The recipe, every default filled in", (Code(recipe_text(run["recipe"]), "yaml"),))


def recipe_text(recipe: Any) -> str:
    """A recipe as YAML, each absolute path cut to its last part: a folder of one machine tells a reader nothing."""
    yaml, text = YAML(), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(_without_folders(recipe), text)
    return text.getvalue()


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(inner) for inner in value]
    return f"…/{PurePath(value).name}" if isinstance(value, str) and value.startswith("/") else value


def _marking(evaluation: Json) -> str:
    averaged = "A change is tuned minus base, item by item, averaged over items."
    rows = evaluation["scenario"]
    if rows[0]["metric"] == "bits_per_byte":
        ratio = (
            "Documents are read whole, from the token that begins them; one that is longer than the model's context in "
            "windows of that length, each scoring its second half after its first. Bits per byte are the bits of all "
            "documents over the bytes of all: a long document counts for more, and the intervals allow for that."
        )
        return f"{ratio} {_baselines(evaluation['baselines'])}" if words.from_scratch(rows) else ratio
    if rows[0]["metric"] == "held_out_loss":
        return (
            "Both models read the same held-out rows, and what counts is how likely each finds the replies that the "
            f"data holds: no judge, and no luck. {averaged}"
        )
    return (
        "Both models answered the same items, always with the likeliest next token, so that nothing is left to luck. "
        f"Replies are marked by fixed rules; no model judges another. {averaged}"
    )


def _baselines(facts: Json) -> str:
    ngram, zstd = facts["ngram"], facts["zstd"]
    return (
        f"The baselines read {facts['documents']:,} training documents of {facts['bytes']:,} bytes. The n-gram model "
        f"(interpolated modified Kneser-Ney over bytes, {_read(ngram, facts)}) is of order {ngram['order']}, which was "
        f"chosen on training text. zstd compresses at level {zstd['level']} with a window of {zstd['window_bytes']:,} "
        f"bytes ({_read(zstd, facts)}): what a group of held-out documents takes is the size of the training text "
        "with them less its size without them."
    )


def _read(baseline: Json, facts: Json) -> str:
    return "all of that text" if baseline["bytes"] == facts["bytes"] else f"{baseline['bytes']:,} bytes of that text"


def _shipping(evaluation: Json) -> str:
    if words.from_scratch(evaluation["scenario"]):
        return (
            "Ship needs one thing, to be better than every baseline: a model that does not beat counting has learnt "
            "nothing worth serving. Trained from scratch, it has no base whose general ability could have fallen, so "
            "there is no guard; what it is good for beyond its own kind of text was not asked."
        )
    return (
        "Ship needs three things: better than the base on the scenario's first line, every guard line with a margin "
        "held, and not shown to be worse than the base with worked examples where those were asked."
    )


def _detectable(rows: list[Json]) -> Block:
    return table(
        "Said before the run: the smallest true change that this evaluation shows in 80 of 100 cases",
        "<Metric | Items | Groups | Smallest change | <Assumed",
        [
            [
                words.metric(row["metric"]),
                f"{row['n']:,}",
                f"{row['clusters']:,}",
                "none" if row.get("effect") is None else words.change(row["effect"], row).lstrip("+"),
                Cell(str(row.get("assumption") or "")),
            ]
            for row in rows
        ],
    )


def _facts(run: Json, base: Json, plan: Json, card: Json) -> Iterator[tuple[str, str]]:
    if base.get("source"):
        source = str(base["source"])
        yield "Base", PurePath(source).name if source.startswith(("/", "~")) else source
    model = plan.get("model") or {}
    if model.get("num_parameters"):
        trained = model.get("num_trained_parameters") or 0
        part = words.share(trained / model["num_parameters"])
        yield "Parameters", f"{model['num_parameters']:,}, of which {trained:,} ({part}) were trained"
    if base:
        yield "Licence of the base", str(base.get("licence") or "unknown")
    licences = dict.fromkeys(str(source.get("licence") or "unknown") for source in card.get("sources") or ())
    if licences:
        yield "Licences of the data", ", ".join(licences)
    for title, digest in (
        ("SHA-256 of the base", base.get("sha256")),
        ("SHA-256 of the data", card.get("output_sha256")),
        ("SHA-256 of the tuned weights", run.get("weights_sha256")),
        ("Fingerprint of danlu's code", run.get("code")),
    ):
        if digest:
            yield title, str(digest)
    versions = run.get("versions") or {}
    if versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
