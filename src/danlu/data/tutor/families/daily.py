"""Training families about time, travel, kitchens, sport and animals."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import people, person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def distance_travelled(rng: random.Random) -> Story:
    who, hours, speed = person(rng), rng.randint(2, 6), rng.randint(5, 18)
    how = pick(rng, "cycles", "rides", "sails", "skis")
    text = pick(
        rng,
        f"{who} {how} at {speed} km an hour for {hours} hours. How far does {who.they} get?",
        f"At {speed} km an hour, what distance does {who} cover in {hours} hours?",
    )
    return Story(text, (times("the distance", hours, speed),), f"the distance is {hours * speed} km")


def travel_time(rng: random.Random) -> Story:
    hours, speed = rng.randint(3, 9), rng.choice((5, 6, 8, 9, 11, 12, 20))
    what = pick(rng, "boat", "tractor", "cyclist", "horse cart", "snow plough")
    text = pick(
        rng,
        f"A {what} moves at {speed} km an hour. How many hours does it take for {hours * speed} km?",
        f"How long does a {what} need for {hours * speed} km at {speed} km an hour?",
    )
    return Story(
        text,
        (over("the hours", hours * speed, speed, hint="See how often the way of an hour fits into it."),),
        f"it takes {hours} hours",
    )


def minutes_apart(rng: random.Random) -> Story:
    hour, start = rng.randint(7, 19), rng.randint(2, 25)
    length = rng.randint(11, 30)
    what = pick(rng, "A film break", "The lesson", "A bus ride", "The phone call", "Lunch")
    text = f"{what} lasts from {hour}:{start:02d} to {hour}:{start + length}. How many minutes is that?"
    ask = pick(rng, "What do you do with the two times to see how far apart they are?", "")
    return Story(text, (minus("the minutes between", start + length, start, ask=ask),), f"it lasts {length} minutes")


def hours_to_minutes(rng: random.Random) -> Story:
    hours, extra = rng.randint(2, 4), rng.randint(5, 55)
    what = pick(rng, "A match", "The flight", "A concert", "The hike", "A film")
    text = f"{what} lasts {hours} hours and {extra} minutes. How many minutes is that in all?"
    whole = times("the minutes in the full hours", hours, 60, hint="An hour has 60 minutes.")
    every = plus("all the minutes", whole.value, extra)
    return Story(text, (whole, every), f"it lasts {every.value} minutes")


def pages_a_day(rng: random.Random) -> Story:
    who, days, rate, read = person(rng), rng.randint(4, 9), rng.randint(6, 12), rng.randint(11, 40)
    total = days * rate + read
    text = f"{who}'s book has {total} pages; {read} are read. How many days do the rest take at {rate} a day?"
    rest = minus("the pages that are left", total, read)
    need = over("the number of days", rest.value, rate)
    return Story(text, (rest, need), f"it takes {days} days")


def laps(rng: random.Random) -> Story:
    who, per_day, days = person(rng), rng.randint(4, 12), rng.randint(3, 7)
    what = pick(rng, "lengths in the pool", "laps of the track", "sit-ups", "rounds of the park")
    text = pick(
        rng,
        f"{who} does {per_day} {what} every day. How many is that in {days} days?",
        f"For {days} days {who} does {per_day} {what} a day. How many altogether?",
    )
    return Story(text, (times("the total", days, per_day),), f"that is {days * per_day} {what}")


def recipe_scaled(rng: random.Random) -> Story:
    who, each, small, k = person(rng), rng.randint(5, 15), rng.randint(2, 4), rng.randint(2, 4)
    food, part = rng.choice((("pancakes", "g of flour"), ("soup", "ml of milk"), ("rice pudding", "g of rice")))
    people_count = small * k
    text = (
        f"A recipe for {small} people takes {each * small} {part} to make {food}. "
        f"How many {part} does {who} need for {people_count} people?"
    )
    single = over("the amount for a single person", each * small, small)
    every = times("the amount for everybody", people_count, single.value)
    return Story(text, (single, every), f"{who} needs {every.value} {part}".replace(part, part.split()[0]))


def bus_stop(rng: random.Random) -> Story:
    start, off, on = rng.randint(25, 50), rng.randint(5, 19), rng.randint(4, 18)
    what = pick(rng, "bus", "tram", "ferry", "train carriage")
    text = pick(
        rng,
        f"A {what} has {start} passengers. At a stop {off} get off and {on} get on. How many are there now?",
        f"{start} people ride in a {what}. {off} leave and {on} come in. How many people are inside then?",
    )
    stayed = minus("the number who stay", start, off)
    now = plus("the number now", stayed.value, on)
    return Story(text, (stayed, now), f"there are {now.value} people")


def tank(rng: random.Random) -> Story:
    size, rate, minutes = rng.randint(60, 99), rng.randint(4, 9), rng.randint(3, 7)
    what = pick(rng, "barrel", "bath", "cistern", "pond")
    text = (
        f"A {what} holds {size} litres. A tap fills in {rate} litres a minute for {minutes} minutes. "
        "How many litres are still missing?"
    )
    inside = times("the water that flowed in", rate, minutes)
    missing = minus("the litres that are missing", size, inside.value)
    return Story(text, (inside, missing), f"{missing.value} litres are missing")


def warmer(rng: random.Random) -> Story:
    morning, rise, fall = rng.randint(5, 18), rng.randint(6, 15), rng.randint(2, 9)
    town = pick(rng, "Lima", "Oslo", "Nairobi", "Kyoto", "Lisbon", "Hanoi", "Quito", "Cairo")
    text = (
        f"In {town} it is {morning} degrees in the morning. By noon it is {rise} degrees warmer, "
        f"in the evening {fall} degrees cooler than at noon. How warm is the evening?"
    )
    noon = plus("the temperature at noon", morning, rise)
    evening = minus("the temperature in the evening", noon.value, fall)
    return Story(text, (noon, evening), f"the evening temperature is {evening.value} degrees")


def album(rng: random.Random) -> Story:
    who, pages, size, have = person(rng), rng.randint(4, 9), rng.randint(5, 9), rng.randint(11, 19)
    thing = pick(rng, "stickers", "photos", "stamps", "postcards")
    text = (
        f"An album has {pages} pages for {size} {thing} each. {who} has {have} {thing}. "
        "How many more are needed to fill it?"
    )
    room = times("the places in the album", pages, size)
    more = minus("the ones that are needed", room.value, have)
    return Story(text, (room, more), f"{who} needs {more.value}")


def score_gap(rng: random.Random) -> Story:
    (a, b), low, gap = people(rng, 2), rng.randint(25, 60), rng.randint(6, 30)
    game = pick(rng, "darts", "bowling", "a quiz", "cards", "mini golf")
    text = pick(
        rng,
        f"At {game} {a} has {low + gap} points and {b} has {low}. By how many points does {a} lead?",
        f"{b} has {low} points at {game}, {a} has {low + gap}. How many points is {b} behind?",
    )
    return Story(text, (minus("the difference", low + gap, low),), f"the difference is {gap} points")


def league_points(rng: random.Random) -> Story:
    team = pick(rng, "Foxes", "Comets", "Otters", "Hawks", "Tigers")
    wins, draws = rng.randint(3, 12), rng.randint(2, 9)
    text = f"A win gives 3 points and a draw 1. The {team} have {wins} wins and {draws} draws. How many points is that?"
    won = times("the points for the wins", wins, 3)
    total = plus("all the points", won.value, draws)
    return Story(text, (won, total), f"the {team} have {total.value} points")


def farm_legs(rng: random.Random) -> Story:
    fours, twos = rng.randint(3, 12), rng.randint(3, 12)
    big, small = pick(rng, "cows", "goats", "sheep", "pigs"), pick(rng, "hens", "ducks", "geese")
    text = f"A farm has {fours} {big} and {twos} {small}. How many legs do they have together?"
    first = times(f"the legs of the {big}", fours, 4, hint="Each of them stands on the same number of legs.")
    second = times(f"the legs of the {small}", twos, 2)
    both = plus("all the legs", first.value, second.value)
    return Story(text, (first, second, both), f"they have {both.value} legs")


def lighter(rng: random.Random) -> Story:
    full, empty = rng.randint(40, 95), rng.randint(5, 30)
    what, inside = rng.choice((("crate", "apples"), ("suitcase", "clothes"), ("sack", "sand"), ("pot", "soup")))
    text = f"A {what} with {inside} weighs {full} kg. The empty {what} weighs {empty} kg. How heavy is what is inside?"
    return Story(text, (minus(f"the weight of the {inside}", full, empty),), f"it weighs {full - empty} kg")


def growing(rng: random.Random) -> Story:
    start, rate, weeks = rng.randint(6, 30), rng.randint(2, 9), rng.randint(3, 8)
    what = pick(rng, "sunflower", "bean plant", "bamboo shoot", "vine", "young palm")
    text = f"A {what} is {start} cm high and grows {rate} cm a week. How high is it after {weeks} weeks?"
    grown = times("how much it grows", weeks, rate)
    high = plus("the new height", start, grown.value)
    return Story(text, (grown, high), f"it is {high.value} cm high")


FAMILIES = (
    distance_travelled,
    travel_time,
    minutes_apart,
    hours_to_minutes,
    pages_a_day,
    laps,
    recipe_scaled,
    bus_stop,
    tank,
    warmer,
    album,
    score_gap,
    league_points,
    farm_legs,
    lighter,
    growing,
)
