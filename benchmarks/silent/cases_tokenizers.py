"""Tokenizers and embeddings that do not fit one another, and what a saved model does not say."""

from __future__ import annotations

import json
from pathlib import Path

from silent import judge, material, ours, words
from silent.case import Case, Finding, Run
from silent.cases_templates import expected, refuses
from silent.words import Seen

MARKED = (*material.SPECIALS, "<|hint|>")
HINTS = material.CHATML.replace("message['role'] + '\n' }}", "message['role'] + '<|hint|>\n' }}").replace(
    "start|>assistant", "start|>assistant<|hint|>"
)
END = "<|im_end|>"


def _edit_tokenizer(folder: Path, change: str) -> None:
    from tokenizers import Regex, Tokenizer, normalizers

    path = str(folder / "base" / "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    if change == "digits":
        tokenizer.normalizer = normalizers.Replace(Regex("[0-9]"), "0")
    else:
        tokenizer.add_special_tokens([change])
    tokenizer.save(path)


# Digits.


def _digits_fixture(folder: Path) -> None:
    material.fixture(folder)
    _edit_tokenizer(folder, "digits")


def says_sums(rows: list[Seen]) -> tuple[bool, str]:
    """Whether the rows say the numbers that the file says."""
    wanted = [row["messages"][-1]["content"] for row in material.sums(12)]
    count = sum(any(text in row.text for row in rows) for text in wanted)
    return count == 12, f"{count} of 12 sums stand in the rows as the file has them; one says {_reply(rows)}"


def _reply(rows: list[Seen]) -> str:
    return words.shortly([text for row in rows[:1] for text in row.supervised])


def _danlu_other_tokenizer(folder: Path) -> Finding:
    ours.train(folder, "training.epochs=5", "training.optimizer.lr=1e-2")
    rows = [words.Seen(tuple(d.ids.tolist()), ()) for d in ours.shards(folder).documents()]
    return _read_again(folder / "train" / "model", rows)


def _peer_saved_tokenizer(run: Run) -> Finding:
    """Whether the saved model reads a text as the ids that it was trained on."""
    if found := judge.missing(run, "model", "trained"):
        return found
    assert run.model is not None
    return _read_again(run.model, words.of_peer(Run(available=True, batches=run.trained)))


def _read_again(model: Path, rows: list[Seen]) -> Finding:
    from tokenizers import Tokenizer

    saved = Tokenizer.from_file(str(model / "tokenizer.json"))
    same = sum(tuple(saved.encode(row.text, add_special_tokens=False).ids) == row.ids for row in rows)
    said = f"the saved tokenizer reads {same} of {len(rows)} trained rows as the same ids"
    return ours.proven(bool(rows) and same == len(rows), said, said)


# Special tokens without rows, or with rows that nobody trains.


def _rowless_fixture(folder: Path) -> None:
    material.fixture(folder, base={"template": HINTS.replace("<|hint|>", "<|tail|>")})
    _edit_tokenizer(folder, "<|tail|>")


def _danlu_rowless(folder: Path) -> Finding:
    return expected(ours.refused(lambda: ours.train(folder)), "but the base knows 259")


def _peer_rowless(run: Run) -> Finding:
    """Ids beyond the embedding end a training at its first step, unless somebody gave them rows."""
    if found := judge.missing(run, "trained", "losses"):
        return found
    largest = max(max(row.ids) for row in words.of_peer(Run(available=True, batches=run.trained)))
    said = f"trained on ids up to {largest}, a base of 259 rows; first loss {run.losses[0]:.3f}"
    return ours.proven(largest < 259 or run.losses[0] > 0, said, said)


def _untrained_fixture(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    material.fixture(folder, base={"template": HINTS, "specials": MARKED})
    path = folder / "base" / "model.safetensors"
    state = load_file(path)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in state:
            state[name][3] = torch.zeros_like(state[name][3])
    save_file(state, path, metadata={"format": "pt"})


def _danlu_untrained(folder: Path) -> Finding:
    learn = ("training.epochs=5", "training.optimizer.lr=1e-2")
    return expected(ours.refused(lambda: ours.train(folder, *learn)), "whose embedding was never trained")


def _peer_untrained(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    weights = judge.weights(run.model)
    size = float(weights["model.embed_tokens.weight"][3].norm())
    if size == 0 and (warning := judge.told(run, "untrained", "embed")):
        return Finding("warned", warning)
    said = f"the row of <|hint|>, zero before, has norm {size:.2g} after training"
    return ours.proven(size > 0, said, said)


# Where a reply ends, in what is saved.


def _endless_fixture(folder: Path) -> None:
    bare = {"eos_token": "<|endoftext|>"}
    material.fixture(
        folder, epochs=2, base={"tokenizer": bare, "config": {"eos_token_id": 0}, "generation": {"eos_token_id": 0}}
    )


def ends_of(model: Path) -> list[int]:
    """What generation_config.json names as the end of a reply."""
    path = model / "generation_config.json"
    named = json.loads(path.read_text()).get("eos_token_id") if path.is_file() else None
    return named if isinstance(named, list) else [] if named is None else [named]


def _danlu_ends(folder: Path) -> Finding:
    ours.train(folder, "training.epochs=5", "training.optimizer.lr=1e-2")
    return _named(ends_of(folder / "train" / "model"))


def _peer_ends(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    return _named(ends_of(run.model))


def _named(ends: list[int]) -> Finding:
    said = f"generation_config.json of the saved model names {ends or 'nothing'}; replies end in {END}, 2"
    return ours.proven(2 in ends, said, said)


# Generation.


def _danlu_batch(folder: Path) -> Finding:
    from danlu.generation import Engine, Sampling
    from danlu.tokens import Renderer

    renderer = Renderer.from_folder(folder / "base")
    asked = [row["messages"][:1] for row in material.sums(6)]
    asked[3] = [{"role": "user", "content": "Hi"}]
    prompts = [renderer.prompt(messages) for messages in asked]
    engine = Engine.from_folder(folder / "base", batch=6, precision="fp32")
    sampling = Sampling(max_new_tokens=12)
    together = engine.generate(prompts, sampling)
    alone = [engine.generate([prompt], sampling)[0] for prompt in prompts]
    same = sum(a.ids == b.ids and a.logprobs == b.logprobs for a, b in zip(together, alone, strict=True))
    lengths = sorted({len(prompt) for prompt in prompts})
    said = (
        f"prompts of {lengths[0]} to {lengths[-1]} tokens: {same} of 6 replies alike to the bit, alone and in a batch"
    )
    return ours.proven(same == 6, said, said)


def _danlu_answers_itself(folder: Path) -> Finding:
    material.write_rows(folder / "asked.jsonl", material.sums(1))
    said = ours.command(folder, "generate", "base", "asked.jsonl", "--json")
    return Finding("refused", said.err.strip().splitlines()[-1]) if said.code == 2 else Finding("missed", said.out[:90])


CASES = (
    Case(
        "tokenizer-rewrites-digits",
        "A normaliser of the tokenizer rewrites digits, so that numbers are learned that nobody wrote.",
        "The ids of a row do not spell the row.",
        None,
        "https://github.com/karpathy/nanochat/issues/291",
        _digits_fixture,
        refuses(says="does not keep the text"),
        words.judged(says_sums, "normaliz", "digit"),
    ),
    Case(
        "tokenizer-differs-between-data-and-model",
        "Data is tokenised with one tokenizer, and the model saved or served with another.",
        "The saved tokenizer reads a trained row as other ids.",
        None,
        "https://github.com/huggingface/transformers/issues/30660",
        material.fixture,
        _danlu_other_tokenizer,
        _peer_saved_tokenizer,
        frozenset({"losses", "model"}),
    ),
    Case(
        "tokens-beyond-the-embedding",
        "Tokens were added to the tokenizer and no rows to the embedding.",
        "Ids as large as the embedding, or larger.",
        None,
        "https://github.com/huggingface/transformers/issues/12763",
        _rowless_fixture,
        _danlu_rowless,
        _peer_rowless,
        frozenset({"losses", "model"}),
    ),
    Case(
        "special-token-whose-row-nobody-trains",
        "The template uses a token whose row in the embedding is untrained, and LoRA leaves embeddings alone.",
        "The row is as empty after training as before.",
        None,
        "https://github.com/unslothai/unsloth/issues/915",
        _untrained_fixture,
        _danlu_untrained,
        _peer_untrained,
        frozenset({"model"}),
    ),
    Case(
        "stop-token-missing-in-the-saved-model",
        "Replies are trained to end in one token, and the saved model says that they end in another.",
        "generation_config.json does not name the end of turn.",
        None,
        "https://github.com/hiyouga/LlamaFactory/issues/7454",
        _endless_fixture,
        _danlu_ends,
        _peer_ends,
        frozenset({"model"}),
    ),
    Case(
        "padding-side-at-generation",
        "Prompts of a batch are padded at the wrong side, so that short ones are answered from padding.",
        "A prompt's reply changes with its neighbours.",
        None,
        "https://github.com/unslothai/unsloth/issues/3699",
        material.fixture,
        _danlu_batch,
        "training alone is run of the peers; they leave generation to transformers or vLLM",
    ),
    Case(
        "generation-prompt-doubled",
        "A dialogue that ends with the assistant's turn is given a second header: the model answers itself.",
        "Two assistant turns in a row in the prompt.",
        None,
        "https://github.com/huggingface/transformers/issues/32213",
        material.fixture,
        _danlu_answers_itself,
        "training alone is run of the peers; they leave generation to transformers or vLLM",
    ),
)
