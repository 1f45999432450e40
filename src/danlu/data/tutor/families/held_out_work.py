"""Held-out families about trades, gardens and offices. No training family tells these situations."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def printer(rng: random.Random) -> Story:
    rate, minutes, spoiled = rng.randint(6, 15), rng.randint(4, 9), rng.randint(3, 14)
    machine = pick(rng, "printer", "copier", "press")
    text = (
        f"An old {machine} turns out {rate} sheets every minute. In {minutes} minutes {spoiled} sheets are smeared. "
        "How many came out clean?"
    )
    every = times("all the sheets that came out", minutes, rate)
    clean = minus("the clean sheets", every.value, spoiled)
    return Story(text, (every, clean), f"{clean.value} sheets came out clean")


def wall_paint(rng: random.Random) -> Story:
    cover, litres = rng.randint(5, 9), rng.randint(4, 9)
    area = cover * litres
    first = rng.randint(8, area - 7)
    text = pick(
        rng,
        f"A litre of paint is enough for {cover} square metres. {person(rng)} paints a wall of {first} and one of "
        f"{area - first} square metres. How many litres does that take?",
        f"Two walls measure {first} and {area - first} square metres; a litre of paint does {cover}. "
        "How many litres are used up?",
    )
    walls = plus("the area of both walls", first, area - first)
    paint = over("the litres of paint", walls.value, cover)
    return Story(text, (walls, paint), f"it takes {litres} litres")


def mason(rng: random.Random) -> Story:
    who, before, after, missing = person(rng), rng.randint(25, 60), rng.randint(15, 50), rng.randint(11, 40)
    text = (
        f"A chimney needs {before + after + missing} bricks. {who} lays {before} before lunch and {after} after it. "
        "How many bricks does the chimney still need?"
    )
    laid = plus("the bricks already laid", before, after)
    need = minus("the bricks it still needs", before + after + missing, laid.value)
    return Story(text, (laid, need), f"it still needs {need.value} bricks")


def ward_shifts(rng: random.Random) -> Story:
    day, night, days = rng.randint(3, 8), rng.randint(2, 4), rng.randint(3, 9)
    place = pick(rng, "hospital ward", "fire station", "control tower", "radio station")
    text = (
        f"A {place} has {day} people on duty by day and {night} at night. "
        f"How many shifts must be filled over {days} days and nights?"
    )
    single = plus("the shifts of a day and its night", day, night)
    every = times("the shifts over all the days", days, single.value)
    return Story(text, (single, every), f"{every.value} shifts must be filled")


def typing(rng: random.Random) -> Story:
    who, rate, minutes = person(rng), rng.choice((8, 9, 11, 12, 15, 20)), rng.randint(4, 9)
    text = pick(
        rng,
        f"A letter has {rate * minutes} words. Typing {rate} words each minute, when is {who} done?",
        f"{who} types {rate} words in a minute. For a text of {rate * minutes} words, how many minutes go by?",
    )
    step = over("the minutes of typing", rate * minutes, rate, hint="Each minute finishes the same number of words.")
    return Story(text, (step,), f"the typing takes {minutes} minutes")


def honey_crates(rng: random.Random) -> Story:
    hives, jars = rng.randint(4, 9), rng.choice((4, 6, 8, 9))
    size = rng.choice([d for d in (2, 3, 4, 6, 12) if (hives * jars) % d == 0])
    text = (
        f"A beekeeper fills {jars} jars of honey from every hive and owns {hives} hives. The jars travel in crates "
        f"of {size}. How many crates go to the market?"
    )
    every = times("all the jars of honey", hives, jars)
    crates = over("the crates for the market", every.value, size)
    return Story(text, (every, crates), f"{crates.value} crates go to the market")


def bottle_deposit(rng: random.Random) -> Story:
    who, cents, a, b = person(rng), rng.choice((5, 8, 10, 15)), rng.randint(3, 9), rng.randint(2, 7)
    text = (
        f"The machine pays {cents} cents for an empty bottle. {who} feeds it {a} green and {b} brown bottles. "
        "How many cents come out?"
    )
    bottles = plus("the number of bottles", a, b)
    paid = times("the cents that come out", bottles.value, cents)
    return Story(text, (bottles, paid), f"the machine pays {paid.value} cents")


def library_fine(rng: random.Random) -> Story:
    who, cents, days = person(rng), rng.choice((3, 4, 6, 7, 8, 9)), rng.randint(5, 14)
    text = pick(
        rng,
        f"A library asks {cents} cents for each day that a book is late. {who} owes {cents * days} cents. "
        "For how many days was the book late?",
        f"{who}'s fine has grown to {cents * days} cents, at {cents} cents per late day. How many days is that?",
    )
    return Story(text, (over("the late days", cents * days, cents),), f"the book was late for {days} days")


def seedlings(rng: random.Random) -> Story:
    who, pots, each, lost = person(rng), rng.randint(4, 9), rng.randint(3, 8), rng.randint(3, 15)
    plant = pick(rng, "chilli", "basil", "pumpkin", "lavender", "cress")
    text = (
        f"Out of {pots * each + lost} {plant} seeds, {lost} never sprout. {who} spreads the seedlings evenly over "
        f"{pots} pots. How many grow in a pot?"
    )
    alive = minus("the seeds that sprout", pots * each + lost, lost)
    single = over("the seedlings in a pot", alive.value, pots)
    return Story(text, (alive, single), f"{each} seedlings grow in a pot")


def hours_left(rng: random.Random) -> Story:
    who, a, b, c, rest = person(rng), rng.randint(5, 9), rng.randint(4, 9), rng.randint(6, 10), rng.randint(11, 16)
    text = (
        f"{who}'s contract says {a + b + c + rest} hours. Done so far: {a} on Monday, {b} on Tuesday and {c} on "
        "Wednesday. How many hours remain?"
    )
    done = plus("the hours done so far", a, b, c)
    remain = minus("the hours that remain", a + b + c + rest, done.value)
    return Story(text, (done, remain), f"{rest} hours remain")


FAMILIES = (
    printer,
    wall_paint,
    mason,
    ward_shifts,
    typing,
    honey_crates,
    bottle_deposit,
    library_fine,
    seedlings,
    hours_left,
)
