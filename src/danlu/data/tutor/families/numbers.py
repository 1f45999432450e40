"""Training families about plain numbers: sequences, equations, averages, ratios, ages."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import people, person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def next_in_sequence(rng: random.Random) -> Story:
    start, step = rng.randint(2, 20), rng.randint(3, 12)
    row = [start + step * i for i in range(4)]
    shown = ", ".join(map(str, row))
    text = pick(rng, f"What number comes next: {shown}?", f"The numbers {shown} follow a rule. Which is next?")
    gap = minus("the step from each number to the next", row[1], row[0], ask="What changes each time?")
    after = plus("the next number", row[-1], gap.value)
    return Story(text, (gap, after), f"the next number is {after.value}")


def later_in_sequence(rng: random.Random) -> Story:
    start, step, jumps = rng.randint(2, 20), rng.randint(3, 9), rng.randint(4, 9)
    text = f"A list begins with {start} and grows by {step} each time. Which number stands there after {jumps} jumps?"
    grown = times("how much all the jumps add", jumps, step)
    there = plus("the number after the jumps", start, grown.value)
    return Story(text, (grown, there), f"the number is {there.value}")


def doubling(rng: random.Random) -> Story:
    start = rng.randint(3, 12)
    what = pick(rng, "bacteria", "water lilies", "members", "mice", "followers")
    text = f"There are {start} {what}. Their number doubles each day. How many are there after 2 days?"
    first = times("the number after the first day", start, 2, hint="To double is to take the same again.")
    second = times("the number a day later", first.value, 2)
    return Story(text, (first, second), f"there are {second.value} {what}")


def equation_plus(rng: random.Random) -> Story:
    x, a, letter = rng.randint(5, 60), rng.randint(6, 39), pick(rng, "x", "n", "y", "k")
    text = pick(rng, f"Solve {letter} + {a} = {x + a}.", f"Which number {letter} makes {letter} + {a} = {x + a} true?")
    ask = pick(rng, f"How can you undo the + {a}?", f"What must you do on both sides to leave {letter} alone?")
    step = minus(f"the value of {letter}", x + a, a, ask=ask, hint="Do the opposite of adding.")
    return Story(text, (step,), f"{letter} = {x}")


def equation_minus(rng: random.Random) -> Story:
    x, a, letter = rng.randint(30, 90), rng.randint(6, 25), pick(rng, "x", "m", "t", "p")
    text = pick(rng, f"Solve {letter} - {a} = {x - a}.", f"Find {letter} if {letter} - {a} = {x - a}.")
    ask = pick(rng, f"Which operation undoes the - {a}?", "")
    step = plus(f"the value of {letter}", x - a, a, ask=ask, hint="Do the opposite of subtracting.")
    return Story(text, (step,), f"{letter} = {x}")


def equation_times(rng: random.Random) -> Story:
    x, a, letter = rng.randint(4, 15), rng.randint(3, 9), pick(rng, "x", "n", "w", "b")
    text = pick(rng, f"Solve {a} × {letter} = {a * x}.", f"{a} times {letter} is {a * x}. What is {letter}?")
    ask = pick(rng, f"How can you undo the multiplication by {a}?", "")
    step = over(f"the value of {letter}", a * x, a, ask=ask, hint="Do the opposite of multiplying.")
    return Story(text, (step,), f"{letter} = {x}")


def equation_two_steps(rng: random.Random) -> Story:
    x, a, b, letter = rng.randint(4, 12), rng.randint(2, 8), rng.randint(3, 15), pick(rng, "x", "z", "n")
    text = f"Solve {a} × {letter} + {b} = {a * x + b}."
    bare = minus(f"{a} × {letter}", a * x + b, b, ask=f"Which part could you undo first, the × {a} or the + {b}?")
    value = over(f"the value of {letter}", bare.value, a)
    return Story(text, (bare, value), f"{letter} = {x}")


def average_of_three(rng: random.Random) -> Story:
    who, mean = person(rng), rng.randint(13, 25)
    d, e = rng.randint(1, 5), rng.randint(1, 6)
    a, b, c = mean + d, mean - d - e, mean + e
    what = pick(rng, "throws of {} m", "scores of {} points", "runs of {} minutes", "catches of {} fish")
    shown = what.replace("{}", f"{a}, {b} and {c}")
    text = f"{who} has three {shown}. What is the average?"
    total = plus("the sum of the three numbers", a, b, c)
    average = over("the average", total.value, 3, hint="An average shares the total equally.")
    return Story(text, (total, average), f"the average is {mean}")


def halfway(rng: random.Random) -> Story:
    mean, d = rng.randint(12, 50), rng.randint(3, 11)
    text = pick(
        rng,
        f"Which number lies exactly halfway between {mean - d} and {mean + d}?",
        f"What is the average of {mean - d} and {mean + d}?",
    )
    total = plus("the sum of both numbers", mean - d, mean + d)
    middle = over("the middle", total.value, 2)
    return Story(text, (total, middle), f"the number is {mean}")


def missing_for_average(rng: random.Random) -> Story:
    who, mean, d = person(rng), rng.randint(12, 45), rng.randint(3, 11)
    what = pick(rng, "tests", "games", "rounds", "quizzes")
    text = (
        f"{who} wants an average of {mean} points in 2 {what}. {who.They} had {mean - d} in the first. "
        "How many are needed in the other?"
    )
    total = times("the points needed in both together", 2, mean)
    need = minus("the points for the other", total.value, mean - d)
    return Story(text, (total, need), f"{who} needs {need.value}")


def guess_my_number(rng: random.Random) -> Story:
    who, x, a = person(rng), rng.randint(4, 15), rng.randint(2, 6)
    b = rng.randint(3, min(19, a * x - 1))
    text = (
        f"{who} thinks of a number, multiplies it by {a} and subtracts {b}. The result is {a * x - b}. "
        "What was the number?"
    )
    back = plus(
        "the number before the subtraction", a * x - b, b, ask=f"How do you undo the last step, taking {b} away?"
    )
    first = over(f"{who}'s number", back.value, a)
    return Story(text, (back, first), f"the number was {x}")


def ratio_parts(rng: random.Random) -> Story:
    one, two = people(rng, 2)
    a, b = rng.choice(((2, 1), (3, 1), (4, 1), (3, 2), (4, 3), (5, 2), (2, 3), (3, 4), (2, 5), (5, 3)))
    part = rng.randint(3, 9)
    thing = pick(rng, "marbles", "shells", "cards", "coins", "badges")
    text = f"{one} and {two} share {(a + b) * part} {thing} in the ratio {a} to {b}. How many does {one} get?"
    parts = plus("the number of equal parts", a, b)
    size = over("the size of a part", (a + b) * part, parts.value)
    mine = times(f"what {one} gets", a, size.value)
    return Story(text, (parts, size, mine), f"{one} gets {mine.value}")


def age_later(rng: random.Random) -> Story:
    who, age, years = person(rng), rng.randint(6, 15), rng.randint(8, 30)
    text = pick(
        rng,
        f"{who} is {age} years old. How old will {who.they} be in {years} years?",
        f"Today {who} turns {age}. What will {who.their} age be {years} years from now?",
    )
    return Story(text, (plus(f"{who}'s age then", age, years),), f"{who} will be {age + years}")


def age_multiple(rng: random.Random) -> Story:
    child, parent = people(rng, 2)
    age, times_older, years = rng.randint(6, 12), rng.randint(3, 5), rng.randint(3, 9)
    text = f"{child} is {age}. {parent} is {times_older} times as old. How old will {parent} be in {years} years?"
    now = times(f"{parent}'s age now", times_older, age)
    then = plus(f"{parent}'s age then", now.value, years)
    return Story(text, (now, then), f"{parent} will be {then.value}")


def age_gap(rng: random.Random) -> Story:
    old, young = people(rng, 2)
    gap, age = rng.randint(3, 14), rng.randint(16, 40)
    text = pick(
        rng,
        f"{old} is {age} and {young} is {gap} years younger. How old is {young}?",
        f"{young} was born {gap} years after {old}, who is {age}. How old is {young}?",
    )
    return Story(text, (minus(f"{young}'s age", age, gap),), f"{young} is {age - gap}")


FAMILIES = (
    next_in_sequence,
    later_in_sequence,
    doubling,
    equation_plus,
    equation_minus,
    equation_times,
    equation_two_steps,
    average_of_three,
    halfway,
    missing_for_average,
    guess_my_number,
    ratio_parts,
    age_later,
    age_multiple,
    age_gap,
)
