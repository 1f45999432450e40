"""Training families about prices, savings and wages."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import coin, people, person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def unit_price(rng: random.Random) -> Story:
    who, c, n, price = person(rng), coin(rng), rng.randint(3, 9), rng.randint(3, 12)
    thing = pick(rng, "notebooks", "pens", "mugs", "scarves", "posters", "torches", "plants", "caps")
    text = pick(
        rng,
        f"{who} buys {n} {thing} for {c}{price} each. How much does {who.they} pay?",
        f"A shop sells {thing} at {c}{price} apiece. What do {n} of them cost {who}?",
        f"{who} wants {n} {thing}. Each costs {c}{price}. How much money does {who.they} need?",
    )
    ask = pick(rng, f"If you know the price of one, how do you get the price of all the {thing}?", "")
    return Story(text, (times("the total price", n, price, ask=ask),), f"{who} pays {c}{n * price}")


def change_from_note(rng: random.Random) -> Story:
    who, c, note, price = person(rng), coin(rng), rng.choice((20, 50)), rng.randint(3, 19)
    thing = pick(rng, "a lamp", "a game", "a cake", "a book", "a kite", "some flowers", "a ball")
    text = pick(
        rng,
        f"{who} pays for {thing} that costs {c}{price} with a {c}{note} note. How much change is there?",
        f"{who} had {c}{note} and spent {c}{price} on {thing}. How much money is left?",
    )
    ask = "What happens to the money when something is paid for?"
    step = minus("the money that comes back", note, price, ask=pick(rng, ask, ""))
    return Story(text, (step,), f"{who} has {c}{note - price} left")


def two_items(rng: random.Random) -> Story:
    who, c, a, b = person(rng), coin(rng), rng.randint(11, 60), rng.randint(11, 39)
    one, two = rng.sample(["a coat", "a bag", "a racket", "a hat", "a tent", "a watch", "a belt", "a jumper"], 2)
    text = pick(
        rng,
        f"{who} buys {one} for {c}{a} and {two} for {c}{b}. How much is that together?",
        f"In a shop, {one} costs {c}{a} and {two} costs {c}{b}. What does {who} pay for both?",
    )
    return Story(text, (plus("the price of both things", a, b),), f"{who} pays {c}{a + b}")


def change_after_several(rng: random.Random) -> Story:
    who, c, n, price = person(rng), coin(rng), rng.randint(2, 6), rng.randint(3, 8)
    thing = pick(rng, "sandwiches", "tickets", "juices", "brushes", "comics", "melons")
    text = pick(
        rng,
        f"{who} buys {n} {thing} at {c}{price} each and pays with {c}50. How much change does {who.they} get?",
        f"From {c}50, {who} pays for {n} {thing} that cost {c}{price} each. How much is left?",
    )
    cost = times(f"the cost of all the {thing}", n, price)
    ask = pick(rng, "Now that you know the cost, how do you find the change?", "")
    change = minus("the change", 50, cost.value, ask=ask)
    return Story(text, (cost, change), f"{who} gets {c}{change.value} back")


def tenth_off(rng: random.Random) -> Story:
    who, c, price = person(rng), coin(rng), rng.randrange(20, 100, 10)
    thing = pick(rng, "jacket", "radio", "chair", "backpack", "skateboard", "blanket")
    text = pick(
        rng,
        f"A {thing} costs {c}{price}. It is now 10% cheaper. What does {who} pay for it?",
        f"{who} buys a {c}{price} {thing} with a 10% discount. How much does {who.they} pay?",
    )
    off = over(
        "the discount", price, 10, ask="How do you find 10% of the price?", hint="A tenth is one of ten equal parts."
    )
    pay = minus("the new price", price, off.value, ask=pick(rng, "What do you do with the discount?", ""))
    return Story(text, (off, pay), f"{who} pays {c}{pay.value}")


def percent_off(rng: random.Random) -> Story:
    who, c = person(rng), coin(rng)
    percent, parts = rng.choice(((50, 2), (25, 4), (20, 5)))
    price = parts * rng.randint(4, 18)
    thing = pick(rng, "pair of boots", "camera", "desk", "guitar strap", "dress", "helmet")
    text = f"{who} sees a {thing} for {c}{price} with {percent}% off. What is the sale price?"
    off = over(
        f"{percent}% of the price",
        price,
        parts,
        ask=f"Which fraction is the same as {percent}%?",
        hint=f"{percent}% is one of {parts} equal parts.",
    )
    sale = minus("the sale price", price, off.value)
    return Story(text, (off, sale), f"the sale price is {c}{sale.value}")


def saving_weekly(rng: random.Random) -> Story:
    who, c, weeks, rate = person(rng), coin(rng), rng.randint(4, 12), rng.randint(3, 9)
    thing = pick(rng, "a drum", "a scooter", "a telescope", "a chess set", "new skates")
    text = pick(
        rng,
        f"{who} saves {c}{rate} a week for {thing} that costs {c}{weeks * rate}. How many weeks does it take?",
        f"{who} needs {c}{weeks * rate} for {thing} and puts {c}{rate} aside each week. How many weeks will it take?",
    )
    ask = pick(rng, "How can you see how often the weekly amount fits into the price?", "")
    return Story(text, (over("the number of weeks", weeks * rate, rate, ask=ask),), f"it takes {weeks} weeks")


def savings_with_start(rng: random.Random) -> Story:
    who, c, start, rate, weeks = person(rng), coin(rng), rng.randint(11, 40), rng.randint(2, 9), rng.randint(3, 8)
    text = pick(
        rng,
        f"{who} has {c}{start} and earns {c}{rate} every week for {weeks} weeks. How much does {who.they} have then?",
        f"There is {c}{start} in {who}'s box. Each week {who.they} adds {c}{rate}. How much is it after {weeks} weeks?",
    )
    earned = times("the money added in those weeks", weeks, rate)
    total = plus("all the money", start, earned.value)
    return Story(text, (earned, total), f"{who} has {c}{total.value}")


def family_tickets(rng: random.Random) -> Story:
    c, adults, children = coin(rng), rng.randint(2, 4), rng.randint(2, 6)
    full, half = rng.randint(7, 12), rng.randint(3, 6)
    place = pick(rng, "zoo", "museum", "circus", "castle", "aquarium", "fair")
    text = (
        f"At the {place} an adult pays {c}{full} and a child {c}{half}. "
        f"What do {adults} adults and {children} children pay?"
    )
    old = times("the price for the adults", adults, full)
    young = times("the price for the children", children, half)
    both = plus("the price for everybody", old.value, young.value)
    return Story(text, (old, young, both), f"they pay {c}{both.value}")


def price_per_item(rng: random.Random) -> Story:
    who, c, n, price = person(rng), coin(rng), rng.randint(3, 9), rng.randint(3, 12)
    thing = pick(rng, "bowls", "cushions", "batteries", "stamps", "tulips", "lanterns")
    text = pick(
        rng,
        f"{who} pays {c}{n * price} for {n} {thing}. What does one cost?",
        f"A pack of {n} {thing} costs {c}{n * price}. How much is that for a single one?",
    )
    return Story(text, (over("the price of a single one", n * price, n),), f"each costs {c}{price}")


def wages(rng: random.Random) -> Story:
    who, c, hours, rate = person(rng), coin(rng), rng.randint(3, 9), rng.randint(6, 15)
    job = pick(rng, "washing cars", "in a bakery", "mowing lawns", "at a market stall", "walking dogs")
    text = pick(
        rng,
        f"{who} works {job} for {hours} hours and earns {c}{rate} an hour. How much is that?",
        f"{who} spends {hours} hours {job} for {c}{rate} an hour. What does {who.they} earn?",
    )
    ask = pick(rng, "What do you know about one hour, and what do you do for all of them?", "")
    return Story(text, (times("the whole pay", hours, rate, ask=ask),), f"{who} earns {c}{hours * rate}")


def price_difference(rng: random.Random) -> Story:
    who, c, n = person(rng), coin(rng), rng.randint(3, 8)
    cheap = rng.randint(2, 6)
    dear = cheap + rng.randint(2, 6)
    thing = pick(rng, "boxes of tea", "tins of paint", "bags of rice", "jars of honey")
    text = (
        f"{thing.capitalize()} cost {c}{dear} each in one shop and {c}{cheap} in another. "
        f"How much does {who} save on {n} of them in the cheaper shop?"
    )
    single = minus("the difference for a single one", dear, cheap)
    saved = times("the difference for all of them", n, single.value)
    return Story(text, (single, saved), f"{who} saves {c}{saved.value}")


def spent_twice(rng: random.Random) -> Story:
    who, c, start = person(rng), coin(rng), rng.randint(50, 95)
    a, b = rng.randint(11, 25), rng.randint(5, 20)
    one, two = rng.sample(["lunch", "a bus pass", "a present", "stamps", "a haircut", "fruit"], 2)
    text = f"{who} has {c}{start}. {who.They} spends {c}{a} on {one} and {c}{b} on {two}. How much is left?"
    spent = plus("what is spent in all", a, b)
    left = minus("what is left", start, spent.value)
    return Story(text, (spent, left), f"{who} has {c}{left.value} left")


def split_bill(rng: random.Random) -> Story:
    n, c, share = rng.randint(3, 6), coin(rng), rng.randint(6, 15)
    a = rng.randint(10, n * share - 5)
    text = (
        f"{n} friends share the bill equally: {c}{a} for food and {c}{n * share - a} for drinks. "
        "How much does each of them pay?"
    )
    bill = plus("the whole bill", a, n * share - a)
    each = over("the share of each friend", bill.value, n)
    return Story(text, (bill, each), f"each friend pays {c}{share}")


def shared_present(rng: random.Random) -> Story:
    (a, b), c, gift = people(rng, 2), coin(rng), rng.randint(30, 90)
    first = rng.randint(10, gift - 12)
    text = f"{a} and {b} buy a present for {c}{gift} together. {a} gives {c}{first}. How much does {b} have to give?"
    return Story(text, (minus(f"the part that {b} pays", gift, first),), f"{b} gives {c}{gift - first}")


FAMILIES = (
    unit_price,
    change_from_note,
    two_items,
    change_after_several,
    tenth_off,
    percent_off,
    saving_weekly,
    savings_with_start,
    family_tickets,
    price_per_item,
    wages,
    price_difference,
    spent_twice,
    split_bill,
    shared_present,
)
