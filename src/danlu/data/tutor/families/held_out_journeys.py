"""Held-out families about ways, heights and vehicles. No training family tells these situations."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import coin, person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def lift_floors(rng: random.Random) -> Story:
    start, up, down = rng.randint(4, 20), rng.randint(6, 18), rng.randint(3, 12)
    text = pick(
        rng,
        f"A lift leaves floor {start}, climbs {up} floors and then sinks {down}. On which floor does it stop?",
        f"From floor {start} a lift goes {up} floors up, then {down} floors down. Where does it end?",
    )
    top = plus("the highest floor it reaches", start, up)
    stop = minus("the floor where it stops", top.value, down)
    return Story(text, (top, stop), f"the lift stops on floor {stop.value}")


def taxi_fare(rng: random.Random) -> Story:
    c, base, rate, length = coin(rng), rng.randint(3, 9), rng.randint(2, 4), rng.randint(4, 15)
    text = pick(
        rng,
        f"A taxi asks {c}{base} to get in plus {c}{rate} per kilometre. What is the fare for {length} kilometres?",
        f"Getting into a cab costs {c}{base}; every kilometre adds {c}{rate}. What will {length} kilometres cost?",
    )
    road = times("the charge for the kilometres", length, rate)
    fare = plus("the whole fare", base, road.value, hint="The charge for getting in comes on top.")
    return Story(text, (road, fare), f"the fare is {c}{fare.value}")


def lighthouse(rng: random.Random) -> Story:
    who, flights, size, done = person(rng), rng.randint(4, 9), rng.randint(8, 12), rng.randint(13, 28)
    tower = pick(rng, "lighthouse", "church tower", "castle keep", "minaret")
    text = (
        f"Inside a {tower} there are {flights} flights of {size} steps. Out of breath, {who} rests after step {done}. "
        "How many steps are still above?"
    )
    every = times("the number of steps up to the top", flights, size)
    above = minus("the steps that are still above", every.value, done)
    return Story(text, (every, above), f"{above.value} steps are still above")


def cable_car(rng: random.Random) -> Story:
    low, climb = rng.randint(25, 90), rng.randint(35, 105)
    text = pick(
        rng,
        f"The lower station of a cable car stands at {low} m, the upper one at {low + climb} m. "
        "How many metres does it climb?",
        f"From a valley at {low} m a path leads to a chapel at {low + climb} m. How much height is gained?",
    )
    return Story(text, (minus("the height that is gained", low + climb, low),), f"the climb is {climb} m")


def diver(rng: random.Random) -> Story:
    who, deep, rise, sink = person(rng), rng.randint(25, 45), rng.randint(8, 19), rng.randint(3, 14)
    text = pick(
        rng,
        f"{who} dives at a depth of {deep} m, rises {rise} m to look at a reef and sinks {sink} m again. "
        "How deep is that?",
        f"A submarine robot hovers {deep} m down. It comes up {rise} m, then drops {sink} m. What depth is it at?",
    )
    reef = minus("the depth after rising", deep, rise, hint="Coming up makes the depth smaller.")
    end = plus("the depth at the end", reef.value, sink, hint="Sinking makes the depth greater.")
    return Story(text, (reef, end), f"the depth is {end.value} m")


def map_scale(rng: random.Random) -> Story:
    scale, length = rng.randint(3, 12), rng.randint(3, 12)
    pair = pick(rng, "Two villages", "Two lakes", "A farm and a mill", "A harbour and an island")
    text = pick(
        rng,
        f"Each centimetre on a map stands for {scale} km. {pair} lie {length} cm apart. What is the true distance?",
        f"{pair} are {length} cm from each other on a map where a centimetre means {scale} km. How far is it really?",
    )
    ask = pick(rng, "If a centimetre means that many kilometres, what do all the centimetres mean?", "")
    step = times("the true distance", length, scale, ask=ask)
    return Story(text, (step,), f"the true distance is {step.value} km")


def petrol(rng: random.Random) -> Story:
    reach, litres = rng.randint(6, 15), rng.randint(4, 9)
    vehicle = pick(rng, "van", "moped", "tuk-tuk", "old lorry", "motorboat")
    text = pick(
        rng,
        f"On a litre of petrol a {vehicle} gets {reach} km far. What does it burn over {reach * litres} km?",
        f"A {vehicle} needs a litre of fuel every {reach} km. How many litres go into a trip of {reach * litres} km?",
    )
    ask = pick(rng, f"How often do {reach} km fit into the whole way?", "")
    return Story(text, (over("the litres of fuel", reach * litres, reach, ask=ask),), f"it burns {litres} litres")


def ferry_queue(rng: random.Random) -> Story:
    size, crossings, later = rng.randint(6, 12), rng.randint(3, 8), rng.randint(4, 15)
    waiting = size * crossings + later
    text = (
        f"{waiting} cars queue at a pier. A small ferry takes {size} of them on every crossing. "
        f"How long is the queue after {crossings} crossings?"
    )
    across = times("the cars that have crossed", crossings, size)
    queue = minus("the cars still in the queue", waiting, across.value)
    return Story(text, (across, queue), f"{queue.value} cars are still in the queue")


def coach_delay(rng: random.Random) -> Story:
    due, late = rng.randint(5, 28), rng.randint(7, 29)
    hour = pick(rng, "noon", "midnight")
    text = pick(
        rng,
        f"A coach is due {due} minutes after {hour} but comes {late} minutes late. "
        f"How many minutes after {hour} is it there?",
        f"Planned for {due} minutes after {hour}, a coach arrives with a delay of {late} minutes. "
        f"How many minutes after {hour} is that?",
    )
    step = plus("the time of arrival", due, late, hint="A delay makes the time later.")
    return Story(text, (step,), f"it arrives {step.value} minutes after {hour}")


def wheel_turns(rng: random.Random) -> Story:
    around, turns, more = rng.randint(2, 5), rng.randint(7, 20), rng.randint(6, 15)
    what = pick(rng, "tractor wheel", "wagon wheel", "measuring wheel", "giant unicycle")
    text = (
        f"Each turn of a {what} covers {around} m. It turns {turns} times in the morning and {more} times later. "
        "How many metres are covered?"
    )
    every = plus("the number of all the turns", turns, more)
    way = times("the metres that are covered", every.value, around)
    return Story(text, (every, way), f"the way is {way.value} m")


FAMILIES = (
    lift_floors,
    taxi_fare,
    lighthouse,
    cable_car,
    diver,
    map_scale,
    petrol,
    ferry_queue,
    coach_delay,
    wheel_turns,
)
