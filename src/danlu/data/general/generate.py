"""General instructions for replay, and paragraphs of ordinary prose for the guard. All of it is danlu's own writing.

Every row asks for one thing that has one right or one good answer. The catalogue is finite: nothing is repeated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from danlu.data.general import tables
from danlu.data.row import Message, Row
from danlu.errors import DataError

Pair = tuple[str, str]  # what is asked, what is answered

_SYSTEMS = (
    "You are a helpful assistant.",
    "You answer briefly and correctly.",
    "Answer the user's question in plain words.",
    "You are a friendly assistant who keeps answers short.",
    "Follow the instruction.",
    "You help with language, facts and code.",
)


def rows(count: int, seed: int, source: str) -> list[Row]:
    """`count` different rows, spread over the kinds of instruction; about half have a system prompt.

    Raises DataError where more are asked for than there are.
    """
    order = list(_interleaved(random.Random(f"general:{seed}")))
    if count > len(order):
        raise DataError(f"the generator `general` has {len(order)} different rows, not {count}. Ask for fewer.")
    made = []
    for number, (asked, answered) in enumerate(order[:count]):
        rng = random.Random(f"general:{seed}:{number}")
        messages: list[Message] = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        if rng.random() < 0.5:
            messages.insert(0, {"role": "system", "content": rng.choice(_SYSTEMS)})
        made.append(Row(f"{source}:{number}", source, f"general seed {seed}:{number}", tuple(messages)))
    return made


def texts(count: int, seed: int) -> list[dict[str, Any]]:
    """Up to `count` paragraphs {item_id, cluster, text}: a seeded order over the topics, which are the clusters."""
    blocks = [(topic, number, text) for topic, found in _blocks("texts.txt") for number, text in enumerate(found)]
    chosen = random.Random(f"texts:{seed}").sample(blocks, min(count, len(blocks)))
    return [{"item_id": f"text:{topic}:{number}", "cluster": topic, "text": text} for topic, number, text in chosen]


def _interleaved(rng: random.Random) -> Iterator[Pair]:
    """One of each kind in turn, until each kind is used up."""
    kinds = {kind: rng.sample(pairs, len(pairs)) for kind, pairs in catalogue(rng).items()}
    while kinds:
        for kind in rng.sample(sorted(kinds), len(kinds)):
            yield kinds[kind].pop()
            if not kinds[kind]:
                del kinds[kind]


def catalogue(rng: random.Random) -> dict[str, list[Pair]]:
    """Every kind of instruction with its pairs; `rng` chooses the wording where there are several."""
    written = {kind: [_pair(block) for block in found] for kind, found in _blocks("instructions.txt")}
    made = {
        "capital": [_capital(rng, *row) for row in tables.CAPITALS],
        "translation": [_translation(rng, row, k) for row in tables.TRANSLATIONS for k in range(4)],
        "opposite": [_opposite(rng, *row) for row in tables.OPPOSITES],
        "past": [_past(rng, *row) for row in tables.PAST],
        "plural": [_plural(rng, *row) for row in tables.PLURALS],
        "young": [_young(rng, *row) for row in tables.YOUNG],
        "definition": [_definition(rng, *row) for row in tables.DEFINITIONS],
        "list": [_list(rng, kind, items, size) for kind, items in tables.LISTS for size in (2, 3)],
        "sentiment": [_sentiment(rng, *row) for row in tables.REVIEWS],
        "topic": [_topic(rng, *row) for row in tables.HEADLINES],
        "extract": [_extract(rng, row, wanted) for row in tables.MESSAGES for wanted in ("who", "when", "where")],
        "words": [_words(rng, kind) for kind in range(60)],
        "continent": [_continent(rng, *row) for row in tables.CONTINENTS],
        "calendar": [_calendar(rng, names, k) for names in (tables.DAYS, tables.MONTHS) for k in range(len(names))],
        "odd": [_odd(rng, kind, items) for kind, items in tables.LISTS for _ in range(2)],
    }
    return {kind: list(dict.fromkeys(pairs)) for kind, pairs in {**written, **made}.items()}


@cache
def _blocks(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(heading, blocks) of a text file: "## heading", then blocks with an empty line between them."""
    text = files("danlu.data.general").joinpath(name).read_text("utf-8")
    sections = [section.split("\n", 1) for section in text.split("## ")[1:]]
    return tuple((heading.strip(), tuple(b.strip() for b in body.strip().split("\n\n"))) for heading, body in sections)


def _pair(block: str) -> Pair:
    asked, answered = block.split("\n", 1)
    return asked.removeprefix("? "), answered


def _capital(rng: random.Random, country: str, city: str) -> Pair:
    return rng.choice(
        (
            (f"What is the capital of {country}?", f"The capital of {country} is {city}."),
            (f"Which city is the capital of {country}?", f"{city} is the capital of {country}."),
            (f"Of which country is {city} the capital?", f"{city} is the capital of {country}."),
            (f"Name the capital of {country}.", f"{city}."),
        )
    )


def _translation(rng: random.Random, row: tuple[str, ...], language: int) -> Pair:
    english, foreign, name = row[0], row[language + 1], tables.LANGUAGES[language]
    return rng.choice(
        (
            (f'How do you say "{english}" in {name}?', f'"{english.capitalize()}" is "{foreign}" in {name}.'),
            (f"Translate into {name}: {english}", f"{foreign}"),
            (f'What does the {name} "{foreign}" mean in English?', f'It means "{english}".'),
        )
    )


def _opposite(rng: random.Random, word: str, other: str) -> Pair:
    if rng.random() < 0.3:
        word, other = other, word
    return rng.choice(
        (
            (f'What is the opposite of "{word}"?', f'The opposite of "{word}" is "{other}".'),
            (f"Give an antonym of {word}.", f"{other.capitalize()}."),
            (f"Which word means the opposite of {word}?", f'"{other.capitalize()}" means the opposite of {word}.'),
        )
    )


def _past(rng: random.Random, verb: str, past: str) -> Pair:
    return rng.choice(
        (
            (f'What is the past tense of "{verb}"?', f'The past tense of "{verb}" is "{past}".'),
            (f'Complete with the right form of "{verb}": Yesterday they ___.', f"Yesterday they {past}."),
        )
    )


def _plural(rng: random.Random, singular: str, plural: str) -> Pair:
    return rng.choice(
        (
            (f'What is the plural of "{singular}"?', f'The plural of "{singular}" is "{plural}".'),
            (f"One {singular}, two ...?", f"Two {plural}."),
        )
    )


def _young(rng: random.Random, animal: str, young: str) -> Pair:
    return rng.choice(
        (
            (f"What is a young {animal} called?", f"A young {animal} is called {_a(young)}."),
            (f"What do you call the young of {_a(animal)}?", f"It is called {_a(young)}."),
        )
    )


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _definition(rng: random.Random, word: str, meaning: str) -> Pair:
    asked = rng.choice((f'What does "{word}" mean?', f'Explain the word "{word}".', f"Define: {word}"))
    return rng.choice(((asked, f"{word.capitalize()}: {meaning}."), (asked, f"{meaning[0].upper()}{meaning[1:]}.")))


def _list(rng: random.Random, kind: str, items: str, size: int) -> Pair:
    number = {2: "two", 3: "three"}[size]
    chosen = rng.sample(items.split(", "), size)
    asked = rng.choice((f"Name {number} {kind}.", f"List {number} {kind}.", f"Give me {number} examples of {kind}."))
    if rng.random() < 0.3:
        return asked, "\n".join(f"- {item}" for item in chosen)
    plain = f"{', '.join(chosen[:-1])} and {chosen[-1]}."
    return asked, plain[0].upper() + plain[1:]


def _sentiment(rng: random.Random, review: str, mood: str) -> Pair:
    return rng.choice(
        (
            (f"Is this review positive or negative? {review}.", f"The review is {mood}."),
            (f"Classify the sentiment as positive or negative: {review}.", mood.capitalize()),
        )
    )


def _topic(rng: random.Random, headline: str, topic: str) -> Pair:
    choices = "sports, business, science, politics or culture"
    return rng.choice(
        (
            (f"To which section does this headline belong, {choices}? {headline}", topic.capitalize()),
            (f"Topic of the headline ({choices}): {headline}", f"The topic is {topic}."),
        )
    )


def _extract(rng: random.Random, row: tuple[str, ...], wanted: str) -> Pair:
    name, day, place = row
    message = rng.choice(
        (
            f"Hi, it's {name}. See you on {day} at {place}.",
            f"{name} wrote that we meet at {place} on {day}.",
            f"On {day} {name} will be waiting at {place}.",
        )
    )
    question, answer = {
        "who": ("Who is the meeting with?", f"The meeting is with {name}."),
        "when": ("On which day is the meeting?", f"The meeting is on {day}."),
        "where": ("Where is the meeting?", f"The meeting is at {place}."),
    }[wanted]
    return f"{question} {message}", answer


def _words(rng: random.Random, kind: int) -> Pair:
    chosen = rng.sample(tables.WORDS, 3)
    word = chosen[0]
    return (
        (f"Put these words in alphabetical order: {', '.join(chosen)}", ", ".join(sorted(chosen))),
        (f'What is the first letter of "{word}"?', f'The first letter of "{word}" is {word[0]}.'),
        (f'Write "{word}" in capital letters.', word.upper()),
        (f"Which of these words comes first in a dictionary: {' or '.join(chosen[:2])}?", f"{min(chosen[:2])}"),
    )[kind % 4]


def _continent(rng: random.Random, country: str, continent: str) -> Pair:
    other = rng.choice([name for name in ("Africa", "Asia", "Europe", "South America") if name != continent])
    return rng.choice(
        (
            (f"On which continent is {country}?", f"{country} is in {continent}."),
            (f"Is {country} in {continent}?", f"Yes, {country} is in {continent}."),
            (f"Is {country} in {other}?", f"No, {country} is in {continent}."),
        )
    )


def _calendar(rng: random.Random, names: list[str], position: int) -> Pair:
    one, after, unit = names[position], names[(position + 1) % len(names)], "day" if len(names) == 7 else "month"
    return rng.choice(
        (
            (f"Which {unit} comes after {one}?", f"{after} comes after {one}."),
            (f"Which {unit} comes before {after}?", f"{one} comes before {after}."),
        )
    )


def _odd(rng: random.Random, kind: str, items: str) -> Pair:
    """The intruder is a planet or a feeling, which no other list could hold."""
    strange = [row[1] for row in tables.LISTS if row[0] in ("planets", "emotions") and row[0] != kind]
    intruder = rng.choice(rng.choice(strange).split(", "))
    others = rng.sample(items.split(", "), 3)
    shown = rng.sample([*others, intruder], 4)
    asked = f"Which of these does not belong to the others: {', '.join(shown)}?"
    return asked, f"{intruder[0].upper()}{intruder[1:]} does not belong, because the others are {kind}."
