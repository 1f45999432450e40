"""Training families about groups, shares and fractions."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import people, person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times

PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}


def share_equally(rng: random.Random) -> Story:
    who, n, each = person(rng), rng.randint(3, 9), rng.randint(3, 12)
    thing = pick(rng, "grapes", "stickers", "biscuits", "beads", "crayons", "walnuts")
    text = pick(
        rng,
        f"{who} shares {n * each} {thing} equally among {n} children. How many does each child get?",
        f"{n * each} {thing} are dealt out fairly to {n} players. How many does each player have?",
    )
    return Story(text, (over("one fair share", n * each, n),), f"each gets {each}")


def share_with_leftover(rng: random.Random) -> Story:
    who, n, each = person(rng), rng.randint(5, 9), rng.randint(3, 8)
    left = rng.randint(2, n - 1)
    thing = pick(rng, "plums", "balloons", "pencils", "sweets", "tokens")
    text = (
        f"{who} gives {n} friends {each} {thing} each. {who.They} began with {n * each + left} {thing}. "
        "How many are left over?"
    )
    given = times(f"all the {thing} given away", n, each)
    rest = minus("what is left over", n * each + left, given.value)
    return Story(text, (given, rest), f"{left} are left over")


def boxes_filled(rng: random.Random) -> Story:
    who, size, boxes = person(rng), rng.randint(4, 12), rng.randint(4, 12)
    thing = pick(rng, "muffins", "oranges", "tennis balls", "candles", "jars", "golf balls")
    text = pick(
        rng,
        f"{who} packs {size * boxes} {thing}, {size} to a box. How many boxes are filled?",
        f"A box holds {size} {thing}. How many boxes does {who} need for {size * boxes} {thing}?",
    )
    return Story(
        text,
        (over("the number of boxes", size * boxes, size, hint="See how many boxes you can fill."),),
        f"{who} fills {boxes} boxes",
    )


def half_then_more(rng: random.Random) -> Story:
    who, half, extra = person(rng), rng.randint(6, 30), rng.randint(5, 19)
    thing = pick(rng, "stamps", "toy cars", "postcards", "pears", "coins")
    text = f"{who} has {2 * half} {thing}, gives half away and then finds {extra} more. How many are there now?"
    kept = over("the half that stays", 2 * half, 2)
    now = plus("the number now", kept.value, extra)
    return Story(text, (kept, now), f"{who} has {now.value} {thing}")


def fraction_of(rng: random.Random) -> Story:
    parts, size = rng.choice((3, 4, 5)), rng.randint(4, 15)
    group = pick(rng, "pupils in a class", "birds on a lake", "bikes in a shop", "trees in a park")
    kind = {"pup": "wear glasses", "bir": "are swans", "bik": "are red", "tre": "are oaks"}[group[:3]]
    text = f"Of the {parts * size} {group}, {PARTS[parts]} {kind}. How many is that?"
    hint = f"{PARTS[parts].capitalize()} is one of {parts} equal parts."
    step = over(f"{PARTS[parts]} of them", parts * size, parts, hint=hint)
    return Story(text, (step,), f"{size} of them {kind}")


def several_parts_of(rng: random.Random) -> Story:
    who = person(rng)
    top, parts = rng.choice(((2, 3), (3, 4), (2, 5), (3, 5)))
    size = rng.randint(3, 12)
    thing = pick(rng, "books", "photos", "pots", "songs", "tools")
    text = f"{who} has {parts * size} {thing}. {top}/{parts} of them are new. How many {thing} are new?"
    one = over("a single part", parts * size, parts, ask=f"How big is 1/{parts} of the {thing}?")
    some = times("all the parts you need", top, one.value)
    return Story(text, (one, some), f"{some.value} {thing} are new")


def left_after_fraction(rng: random.Random) -> Story:
    who, parts, size = person(rng), rng.choice((3, 4, 5)), rng.randint(3, 15)
    what, verb = rng.choice((("cherries", "eats"), ("candles", "lights"), ("flowers", "sells"), ("eggs", "uses")))
    text = f"{who} has {parts * size} {what} and {verb} {PARTS[parts]} of them. How many are left?"
    gone = over(f"how many {who} {verb}", parts * size, parts)
    left = minus("what is left", parts * size, gone.value)
    return Story(text, (gone, left), f"{left.value} are left")


def packs_and_singles(rng: random.Random) -> Story:
    who, packs, size, loose = person(rng), rng.randint(3, 8), rng.randint(4, 10), rng.randint(2, 15)
    thing, pack = rng.choice((("buns", "bags"), ("cards", "packs"), ("nails", "tins"), ("bulbs", "nets")))
    text = pick(
        rng,
        f"{who} has {packs} {pack} of {size} {thing} and {loose} loose ones. How many {thing} is that?",
        f"There are {size} {thing} in each of {packs} {pack}, and {loose} lie beside them. How many in all?",
    )
    packed = times(f"the {thing} in the {pack}", packs, size)
    every = plus(f"all the {thing}", packed.value, loose)
    return Story(text, (packed, every), f"there are {every.value} {thing}")


def rows_of(rng: random.Random) -> Story:
    rows, columns = rng.randint(3, 12), rng.randint(4, 12)
    thing, place = rng.choice((("chairs", "hall"), ("vines", "field"), ("desks", "classroom"), ("cans", "shop")))
    text = pick(
        rng,
        f"A {place} has {rows} rows with {columns} {thing} in each. How many {thing} are there?",
        f"{thing.capitalize()} stand in {rows} equal rows of {columns} in a {place}. How many is that?",
    )
    return Story(text, (times(f"the number of {thing}", rows, columns),), f"there are {rows * columns} {thing}")


def empty_places(rng: random.Random) -> Story:
    tables, seats, guests = rng.randint(4, 9), rng.randint(4, 8), rng.randint(11, 18)
    place = pick(rng, "café", "library", "canteen", "restaurant")
    text = f"A {place} has {tables} tables with {seats} places. {guests} places are taken. How many are free?"
    every = times("the number of all the places", tables, seats)
    free = minus("the free places", every.value, guests)
    return Story(text, (every, free), f"{free.value} places are free")


def regroup(rng: random.Random) -> Story:
    teams, size = rng.randint(3, 8), rng.randint(4, 9)
    fewer = rng.choice([d for d in range(2, 10) if (teams * size) % d == 0 and d != teams] or [teams * size])
    text = f"{teams} teams of {size} children form {fewer} equal groups instead. How many children are in a group?"
    every = times("the number of all the children", teams, size)
    group = over("the children in a group", every.value, fewer)
    return Story(text, (every, group), f"a group has {group.value} children")


def twice_as_many(rng: random.Random) -> Story:
    (a, b), n, k = people(rng, 2), rng.randint(4, 20), rng.randint(2, 4)
    thing = pick(rng, "fish", "medals", "comics", "keys", "puzzles")
    many = {2: "twice", 3: "three times", 4: "four times"}[k]
    text = f"{a} has {n} {thing} and {b} has {many} as many. How many {thing} do they have together?"
    more = times(f"how many {thing} {b} has", k, n)
    both = plus("the number together", n, more.value)
    return Story(text, (more, both), f"they have {both.value} {thing}")


FAMILIES = (
    share_equally,
    share_with_leftover,
    boxes_filled,
    half_then_more,
    fraction_of,
    several_parts_of,
    left_after_fraction,
    packs_and_singles,
    rows_of,
    empty_places,
    regroup,
    twice_as_many,
)
