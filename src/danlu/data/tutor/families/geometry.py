"""Training families about lengths, areas and angles."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def rectangle_perimeter(rng: random.Random) -> Story:
    wide = rng.randint(3, 12)
    long = wide + rng.randint(2, 10)
    what = pick(rng, "rug", "field", "playground", "flag", "stage", "lawn")
    text = pick(
        rng,
        f"A {what} is {long} m long and {wide} m wide. How long is the way around it?",
        f"What is the perimeter of a rectangular {what} of {long} m by {wide} m?",
    )
    half = plus("one long and one short side together", long, wide)
    whole = times("the whole way around", 2, half.value, hint="Each side comes twice.")
    return Story(text, (half, whole), f"the perimeter is {whole.value} m")


def rectangle_area(rng: random.Random) -> Story:
    wide, long, unit = rng.randint(3, 9), rng.randint(4, 15), pick(rng, "m", "cm")
    what = pick(rng, "wall", "poster", "garden bed", "carpet", "board", "window")
    text = pick(
        rng,
        f"A {what} is {long} {unit} long and {wide} {unit} wide. What is its area?",
        f"Find the area of a {what} that measures {long} {unit} by {wide} {unit}.",
    )
    ask = pick(rng, "How do you get the area of a rectangle from its sides?", "")
    hint = "Think of rows of small squares."
    step = times("the area", long, wide, ask=ask, hint=hint)
    return Story(text, (step,), f"the area is {step.value} square {unit}")


def square_perimeter(rng: random.Random) -> Story:
    side, what = rng.randint(5, 24), pick(rng, "stage", "park", "lawn", "pond", "courtyard")
    text = f"Each side of a square {what} is {side} m long. How long are all the sides together?"
    step = times("the length of all the sides", 4, side, ask="How many equal sides does a square have?")
    return Story(text, (step,), f"the perimeter is {step.value} m")


def missing_side(rng: random.Random) -> Story:
    wide, long = rng.randint(3, 9), rng.randint(4, 14)
    what = pick(rng, "room", "terrace", "sheet of card", "vegetable patch", "mat")
    text = pick(
        rng,
        f"A rectangular {what} has an area of {wide * long} square m. It is {wide} m wide. How long is it?",
        f"The area of a {what} is {wide * long} square m and one side is {wide} m. How long is the other?",
    )
    ask = pick(rng, "Area is length times width: how do you go back from it?", "")
    return Story(text, (over("the other side", wide * long, wide, ask=ask),), f"it is {long} m long")


def third_angle(rng: random.Random) -> Story:
    a, b = rng.randrange(35, 80, 5), rng.randrange(30, 75, 5)
    text = f"Two angles of a triangle are {a} and {b} degrees. How large is the third angle?"
    known = plus("the two known angles together", a, b)
    rest = minus("the third angle", 180, known.value, hint="The angles of a triangle make 180 degrees together.")
    return Story(text, (known, rest), f"the third angle is {rest.value} degrees")


def straight_line(rng: random.Random) -> Story:
    a = rng.randint(25, 160)
    text = pick(
        rng,
        f"Two angles make a straight line. One is {a} degrees. How large is the other?",
        f"A door opens along a straight wall. The angle on one side is {a} degrees. What is it on the other?",
    )
    ask = pick(rng, "How many degrees are there on a straight line, and what do you do with them?", "")
    step = minus("the other angle", 180, a, ask=ask, hint="A straight line has 180 degrees.")
    return Story(text, (step,), f"the other angle is {step.value} degrees")


def triangle_perimeter(rng: random.Random) -> Story:
    a, b = rng.randint(5, 15), rng.randint(6, 15)
    c = rng.randint(abs(a - b) + 1, a + b - 1)
    what = pick(rng, "sail", "flower bed", "sign", "garden", "kite")
    text = f"The sides of a triangular {what} are {a} cm, {b} cm and {c} cm. What is its perimeter?"
    step = plus("the length of all the sides", a, b, c, ask=pick(rng, "What does the perimeter tell you?", ""))
    return Story(text, (step,), f"the perimeter is {step.value} cm")


def fence_posts(rng: random.Random) -> Story:
    gaps, metres = rng.randint(5, 20), rng.randint(2, 5)
    text = (
        f"A straight fence is {gaps * metres} m long with a post every {metres} m, and one at each end. "
        "How many posts are there?"
    )
    spaces = over("the number of gaps", gaps * metres, metres)
    posts = plus("the number of posts", spaces.value, 1, hint="There is a post at the start as well.")
    return Story(text, (spaces, posts), f"the fence has {posts.value} posts")


def tiles(rng: random.Random) -> Story:
    rows, columns, broken = rng.randint(4, 9), rng.randint(5, 12), rng.randint(3, 9)
    room = pick(rng, "kitchen", "bathroom", "hall", "porch")
    text = (
        f"The {room} floor has {rows} rows of {columns} tiles. {broken} of them are cracked. How many tiles are whole?"
    )
    every = times("the number of all the tiles", rows, columns)
    whole = minus("the tiles that are not cracked", every.value, broken)
    return Story(text, (every, whole), f"{whole.value} tiles are whole")


def two_areas(rng: random.Random) -> Story:
    a, b, c, d = (rng.randint(3, 9) for _ in range(4))
    one, two = rng.sample(["bedroom", "kitchen", "study", "hall", "pantry"], 2)
    text = f"The {one} is {a} m by {b} m and the {two} is {c} m by {d} m. What is their area together?"
    first, second = times(f"the area of the {one}", a, b), times(f"the area of the {two}", c, d)
    both = plus("both areas together", first.value, second.value)
    return Story(text, (first, second, both), f"the area is {both.value} square m")


def box_volume(rng: random.Random) -> Story:
    a, b, c = rng.randint(2, 6), rng.randint(3, 6), rng.randint(2, 5)
    what = pick(rng, "box", "fish tank", "crate", "brick", "planter")
    text = f"A {what} is {a} dm long, {b} dm wide and {c} dm high. What is its volume?"
    base = times("the area of the bottom", a, b, hint="Start with one layer.")
    volume = times("the volume of all the layers", base.value, c)
    return Story(text, (base, volume), f"the volume is {volume.value} cubic dm")


def cut_rope(rng: random.Random) -> Story:
    who, pieces, size, rest = person(rng), rng.randint(3, 8), rng.randint(3, 9), rng.randint(2, 8)
    what = pick(rng, "rope", "ribbon", "wire", "hose", "string", "plank")
    total = pieces * size + rest
    text = pick(
        rng,
        f"{who} cuts {pieces} pieces of {size} m from a {what} of {total} m. How much {what} is left?",
        f"A {what} is {total} m long. {who} cuts off {pieces} pieces, each {size} m. What length remains?",
    )
    used = times("the length that is cut off", pieces, size)
    left = minus("the length that remains", total, used.value)
    return Story(text, (used, left), f"the rest is {left.value} m")


FAMILIES = (
    rectangle_perimeter,
    rectangle_area,
    square_perimeter,
    missing_side,
    third_angle,
    straight_line,
    triangle_perimeter,
    fence_posts,
    tiles,
    two_areas,
    box_volume,
    cut_rope,
)
