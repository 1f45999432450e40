"""Held-out families about the house and those who live in it. No training family tells these situations."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def candle(rng: random.Random) -> Story:
    rate, hours, stub = rng.randint(2, 4), rng.randint(3, 9), rng.randint(2, 9)
    text = pick(
        rng,
        f"A candle of {rate * hours + stub} cm burns down {rate} cm every hour. "
        f"For how many hours has it burned when {stub} cm are left?",
        f"Lit at a height of {rate * hours + stub} cm, a candle shrinks {rate} cm hourly. "
        f"After what time does it measure {stub} cm?",
    )
    burned = minus("the centimetres that burned away", rate * hours + stub, stub)
    time = over("the hours of burning", burned.value, rate)
    return Story(text, (burned, time), f"it has burned for {hours} hours")


def tablets(rng: random.Random) -> Story:
    morning, night, days = rng.randint(2, 4), rng.randint(1, 3), rng.randint(6, 15)
    who = pick(rng, "Grandmother", "The doctor's patient", "An old sailor", "Uncle Bertil")
    text = (
        f"{who} swallows {morning} tablets after breakfast and {night} before bed. "
        f"For how many days is a tin of {days * (morning + night)} tablets enough?"
    )
    daily = plus("the tablets used up daily", morning, night)
    enough = over("the days until the tin is empty", days * (morning + night), daily.value)
    return Story(text, (daily, enough), f"the tin is enough for {days} days")


def wool(rng: random.Random) -> Story:
    who, cap, extra = person(rng), rng.randint(6, 20), rng.randint(5, 15)
    one, two = rng.choice((("bonnet", "shawl"), ("sock", "waistcoat"), ("mitten", "blanket")))
    text = (
        f"For a {one} {who} knits with {cap} metres of wool; a {two} swallows {extra} metres more than that. "
        "How many metres go into the two pieces?"
    )
    large = plus(f"the wool for the {two}", cap, extra)
    both = plus("the wool for both pieces", cap, large.value)
    return Story(text, (large, both), f"the pieces take {both.value} metres")


def battery(rng: random.Random) -> Story:
    start, rate, hours = rng.randint(70, 98), rng.randint(4, 9), rng.randint(3, 8)
    device = pick(rng, "phone", "tablet", "drone", "hearing aid", "e-reader")
    text = pick(
        rng,
        f"A {device} is charged to {start} percent and loses {rate} percent hourly. "
        f"What does the display say {hours} hours later?",
        f"Every hour a {device} uses {rate} percent of its battery. It shows {start} percent now. "
        f"What will it show in {hours} hours?",
    )
    used = times("the percentage that is used", hours, rate)
    left = minus("the percentage on the display", start, used.value)
    return Story(text, (used, left), f"the display says {left.value} percent")


def washing(rng: random.Random) -> Story:
    loads, old, less = rng.randint(3, 6), rng.randint(35, 48), rng.randint(11, 22)
    text = (
        f"The old washing machine swallows {old} litres a load; the new one gets by with {less} litres less. "
        f"How much water do {loads} loads take in the new one?"
    )
    load = minus("the water for a new load", old, less)
    water = times("the water for all the loads", loads, load.value)
    return Story(text, (load, water), f"the loads take {water.value} litres")


def cat_food(rng: random.Random) -> Story:
    morning, evening = rng.randint(3, 9), rng.randint(2, 8)
    pet = pick(rng, "cat", "hedgehog", "rabbit", "ferret", "parrot")
    text = (
        f"Every morning a {pet} is given {morning} pellets and every evening {evening}. How many pellets make a week?"
    )
    daily = plus("the pellets of a single day", morning, evening)
    week = times("the pellets of a week", 7, daily.value, hint="A week has 7 days.")
    return Story(text, (daily, week), f"a week takes {week.value} pellets")


def bookshelf(rng: random.Random) -> Story:
    books, thick, free = rng.randint(6, 15), rng.randint(3, 6), rng.randint(5, 25)
    kind = pick(rng, "atlases", "dictionaries", "folders", "cookbooks", "binders")
    text = (
        f"A shelf is {books * thick + free} cm wide. On it stand {books} {kind}, all {thick} cm thick. "
        "How many cm of the shelf are empty?"
    )
    taken = times(f"the width of the {kind}", books, thick)
    empty = minus("the empty part of the shelf", books * thick + free, taken.value)
    return Story(text, (taken, empty), f"the empty part is {free} cm")


def fast_clock(rng: random.Random) -> Story:
    gain, days = rng.randint(3, 9), rng.choice((7, 7, 5, 6, 8, 9, 10))
    span = "a week" if days == 7 else f"{days} days"
    text = pick(
        rng,
        f"Grandfather's clock gains {gain} minutes daily. By how many minutes is it wrong after {span}?",
        f"If a watch runs {gain} minutes fast each day, how far ahead is it after {span}?",
    )
    hint = "A week has 7 days." if days == 7 else "It gains the same every day."
    return Story(text, (times("the minutes it is ahead", days, gain, hint=hint),), f"it is {days * gain} minutes ahead")


def firewood(rng: random.Random) -> Story:
    rate, days = rng.randint(4, 9), rng.randint(6, 14)
    total = rate * days
    more = rng.randint(11, total - 8)
    text = (
        f"Beside the stove lie {total - more} logs, and a neighbour brings {more}. The stove eats {rate} logs a day. "
        "After how many days is the wood gone?"
    )
    logs = plus("all the logs", total - more, more)
    last = over("the days until the wood is gone", logs.value, rate)
    return Story(text, (logs, last), f"the wood is gone after {days} days")


FAMILIES = (
    candle,
    tablets,
    wool,
    battery,
    washing,
    cat_food,
    bookshelf,
    fast_clock,
    firewood,
)
