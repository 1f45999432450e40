"""What makes a reply a turn of the dialogue that it stands in: one question, whole, in role."""

from __future__ import annotations

import re

from danlu.grading.mark import Mark, Reply, Verifier, all_of
from danlu.text.numbers import numbers_in
from danlu.text.words import words

_QUESTION = re.compile(r"[?？]+")  # "What??" is one question
_OTHERS = re.compile(r"(?:^|\n|[.!?]\s)\W*(pupil|student|child|user|human|learner)\W*:", re.IGNORECASE)
_CONTROL = re.compile(r"<\|[^|>]{1,40}\|>|\[/?INST\]|</?s>|<(?:start|end)_of_turn>")
_DISCLAIMER = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\bI(?:'|’| a)m an ai\b", re.IGNORECASE
)
_STEM = 4  # letters: "apples" and "apple" share them
_FUNCTION_WORDS = frozenset(
    "about after again also been before being could does each from have here into just know like more much many need "
    "only other over same some such tell than that their them then there these they this those time very want well "
    "were what when where which while will with would your".split()
)


def one_question(reply: Reply) -> Mark:
    """Exactly one question is asked."""
    count = len(_QUESTION.findall(reply.text))
    return Mark(count == 1, "asks one question" if count == 1 else f"asks {count or 'no'} questions")


def finished(reply: Reply) -> Mark:
    """Something was said, and the model ended it by itself."""
    if not reply.text.strip():
        return Mark(False, "says nothing")
    if reply.finish_reason != "stop":
        return Mark(False, "was cut off at the greatest length allowed")
    return Mark(True, "is whole")


def speaks_for_itself(reply: Reply) -> Mark:
    """No turn of the other side is made up, no control token is spelt, and no disclaimer steps out of the role."""
    if found := _OTHERS.search(reply.text):
        return Mark(False, f"speaks for the {found[1].lower()}")
    if found := _CONTROL.search(reply.text):
        return Mark(False, f"spells the control token {found[0]}")
    if found := _DISCLAIMER.search(reply.text):
        return Mark(False, f"steps out of the role ({found[0]!r})")
    return Mark(True, "speaks for itself")


def brief(max_words: int) -> Verifier:
    """At most so many words."""

    def mark(reply: Reply) -> Mark:
        count = len(words(reply.text))
        return Mark(count <= max_words, f"has {count} words (at most {max_words})")

    return mark


def addresses(subject: str, trade: str = "") -> Verifier:
    """The reply shares a content word (by its first four letters) or a number with what it answers, or uses a word of
    the trade: in "What changes each time?" nothing but the trade tells that it is about a sequence of numbers.
    """
    stems, numbers = _stems(f"{subject} {trade}"), set(numbers_in(subject))

    def mark(reply: Reply) -> Mark:
        if stems & _stems(reply.text) or numbers & set(numbers_in(reply.text)):
            return Mark(True, "is about the problem")
        return Mark(False, "shares no word and no number with the problem")

    return mark


def in_role(subject: str, trade: str, max_words: int) -> Verifier:
    """A whole turn of one's own about `subject` (what was said before it), no longer than a turn should be."""
    return all_of(finished, speaks_for_itself, brief(max_words), addresses(subject, trade))


def _stems(text: str) -> set[str]:
    return {w[:_STEM] for w in words(text) if len(w) >= _STEM and not w.isdigit() and w not in _FUNCTION_WORDS}
