"""From a problem that carries its solution to a dialogue whose every tutor turn is checked as it is written."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from danlu.data.tutor import pupils
from danlu.data.tutor.problem import Step, TutorProblem
from danlu.data.tutor.voice import Voice
from danlu.text.numbers import numbers_in
from danlu.text.words import words

SYSTEM = (
    "You are a Socratic maths tutor. Ask one short guiding question at a time and never give the answer away. "
    "When the pupil names the last calculation, confirm it and state its correct result."
)
LONGEST_TURN = 45  # words

Message = dict[str, str]
Trouble = Literal["slip", "miscount", "lost", "off_topic", "want"]
Ending = Literal["named", "found", "open"]


class _Unsayable(Exception):  # noqa: N818  never leaves this file
    """No line of a pool can be said here without giving something away."""


@dataclass
class _Script:
    """A dialogue as it is written. `found` counts the steps whose result the pupil has."""

    problem: TutorProblem
    voice: Voice
    rng: random.Random
    messages: list[Message] = field(default_factory=list)
    found: int = 0
    _said: set[str] = field(default_factory=set)

    @property
    def step(self) -> Step:
        return self.problem.steps[self.found]

    @property
    def secret(self) -> set[int]:
        """Results that nobody has stated yet."""
        return set(self.problem.forbidden[self.found :])

    def line(self, pool: Iterable[str], **fields: object) -> str:
        """One line of the pool, filled in, not said before if possible, that states no secret."""
        candidates = list(pool)
        self.rng.shuffle(candidates)
        candidates.sort(key=lambda template: template in self._said and bool(template))
        for template in candidates:
            text = template.format(**fields)
            if not self.secret & {*map(int, numbers_in(text))}:
                self._said.add(template)
                return text[:1].upper() + text[1:]
        raise _Unsayable

    def pupil(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def tutor(self, *parts: str, closing: bool = False) -> None:
        """Append a tutor's turn; what must hold of every turn is asserted here."""
        text = " ".join(filter(None, parts))
        assert not self.secret & {*map(int, numbers_in(text))}, f"gives a result away: {text}"
        assert len(words(text)) <= LONGEST_TURN, f"too long: {text}"
        if closing:
            assert "?" not in text and numbers_in(text)[-1] == self.problem.answer, f"closes wrongly: {text}"
            assert f"{self.problem.steps[-1].calculation} = {self.problem.answer}" in text, text
        else:
            assert text.endswith("?") and text.count("?") == 1, f"not one question at the end: {text}"
        self.messages.append({"role": "assistant", "content": text})

    def question(self) -> str:
        """A guiding question for the step that is due."""
        step, pool = self.step, list(self.voice.ask)
        stated = set(numbers_in(self.problem.text))
        known = {*stated, *self.problem.forbidden[: self.found]}
        if stated >= set(step.terms):
            pool += self.voice.ask_text
        if known >= set(step.terms) and len(set(step.terms)) > 1:
            pool += self.voice.ask_those
        if step.ask and step.ask not in self._said and self.rng.random() < 0.6:
            pool = [step.ask]
        return self.line(pool, goal=step.goal, those=pupils.listed(step.terms))

    def hint(self) -> str:
        """The step's own hint, or one for its operator."""
        step = self.step
        if step.hint and step.hint not in self._said:
            return self.line([step.hint])
        return self.line(self.voice.hints[step.operator])


def write(
    problem: TutorProblem, rng: random.Random, voice: Voice, troubles: Mapping[int, list[Trouble]], ending: Ending
) -> list[Message]:
    """The dialogue after the system prompt.

    troubles: what goes wrong before each step is found, by the step's index. ending: the pupil names the last
    calculation ("named") or finds its result ("found"), and the tutor closes; "open" stops at the named calculation.
    """
    for _ in range(20):
        try:
            return _write(_Script(problem, voice, rng), troubles, ending)
        except _Unsayable:
            continue
    raise AssertionError(f"family {problem.family}: nothing can be said about {problem.text!r}")


def _write(script: _Script, troubles: Mapping[int, list[Trouble]], ending: Ending) -> list[Message]:
    _open(script)
    last = len(script.problem.steps) - 1
    for index, step in enumerate(script.problem.steps):
        recounting = False
        for trouble in troubles.get(index, []):
            recounting = _TROUBLES[trouble](script)
        said = {"calc": pupils.written(step.calculation, step.operator, script.rng), "value": step.value}
        if index < last:
            script.found += 1
            script.pupil(script.line(script.voice.right, **said))
            confirm = script.line(script.voice.confirm, calc=step.calculation, value=step.value)
            lead = script.line(script.voice.nearly if index + 1 == last else script.voice.onward)
            script.tutor(confirm, lead, script.question())
        elif ending == "found" or (recounting and ending != "open"):
            script.found += 1
            script.pupil(script.line(script.voice.found, **said))
        else:
            in_words = script.rng.random() < 0.25 and len(step.terms) == 2
            pool = script.voice.worded if in_words else script.voice.named
            script.pupil(script.line(pool, calc=said["calc"], do=pupils.worded(step)))
            script.found += 1
    if ending != "open":
        facts = {"calc": step.calculation, "value": step.value, "conclusion": script.problem.conclusion}
        script.tutor(script.line(script.voice.close, **facts), closing=True)
    return script.messages


def _open(script: _Script) -> None:
    voice, rng = script.voice, script.rng
    demands = rng.random() < 0.12
    script.pupil(script.line(voice.demanding if demands else voice.opening, text=script.problem.text))
    lead = script.line(voice.decline if demands else voice.welcome)
    if len(script.problem.steps) > 1 and rng.random() < 0.4:
        script.tutor(lead, script.line(voice.first, goal=script.step.goal), script.line(voice.first_ask))
    else:
        script.tutor(lead, script.question())


def _slip(script: _Script) -> bool:
    attempt = pupils.wrong_operation(script.step, script.secret, script.rng)
    if attempt is None:
        return _lost(script)
    operator, calculation, wrong = attempt
    spelt = pupils.written(calculation, operator, script.rng)
    script.pupil(script.line(script.voice.slip, attempt=spelt, wrong=wrong))
    no = script.line(script.voice.not_that, doing=pupils.DOING[operator], attempt=calculation)
    script.tutor(no, script.hint(), script.line(script.voice.smaller))
    return False


def _miscount(script: _Script) -> bool:
    step, wrong = script.step, pupils.wrong_result(script.step, script.secret, script.rng)
    if wrong is None:
        return _lost(script)
    spelt = pupils.written(step.calculation, step.operator, script.rng)
    script.pupil(script.line(script.voice.miscount, calc=spelt, wrong=wrong))
    script.tutor(script.line(script.voice.recount, calc=step.calculation))
    return True


def _lost(script: _Script) -> bool:
    script.pupil(script.line(script.voice.lost))
    after = script.line(script.voice.smaller) if script.rng.random() < 0.6 else script.question()
    script.tutor(script.line(script.voice.comfort), script.hint(), after)
    return False


def _off_topic(script: _Script) -> bool:
    said, taken = script.rng.choice([pair for pair in script.voice.off_topic if pair[0] not in script._said])
    script.pupil(script.line([said]))
    script.tutor(script.line([taken]), script.line(script.voice.back), script.question())
    return False


def _want(script: _Script) -> bool:
    script.pupil(script.line(script.voice.want))
    script.tutor(script.line(script.voice.decline), script.hint(), script.line(script.voice.smaller))
    return False


_TROUBLES = {"slip": _slip, "miscount": _miscount, "lost": _lost, "off_topic": _off_topic, "want": _want}
