"""A row as tokens, before its length is looked at."""

from __future__ import annotations

from danlu.data.row import Row
from danlu.errors import CheckpointError, DanluError, DataError
from danlu.tokens import Rendered, Renderer, Tokenizer


def render(row: Row, renderer: Renderer) -> list[Rendered]:
    """Documents of a row: one, or one a turn under a template that rewrites earlier turns.

    A plain text is its ids and the end-of-text token, all supervised, after the token that begins texts: evaluation
    predicts a text's first token from it, so training must too. Raises what the renderer raises, with the
    row's place before it.
    """
    try:
        if row.text is not None:
            return [_text(row.text, renderer.tokenizer)]
        return renderer.train_rows(row.messages, row.tools or None)
    except DanluError as error:
        error.args = (f"{row.where}: {error}",)
        raise


def _text(text: str, tokenizer: Tokenizer) -> Rendered:
    if spelt := tokenizer.spelt_special(text):
        raise DataError(f"the text spells the control token {spelt!r}. Remove it from the text.")
    if tokenizer.eos_id is None:
        raise CheckpointError("the base's tokenizer names no eos_token, so texts would run into one another.")
    ids = tokenizer.encode(text)
    tokenizer.check_says(ids, text)
    assert tokenizer.begin_id is not None
    teaches = bool(ids)  # an empty text would teach to end at once
    return Rendered([tokenizer.begin_id, *ids, tokenizer.eos_id], [False, *[teaches] * (len(ids) + 1)])
