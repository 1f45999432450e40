"""Held-out families about games, music and clubs. No training family tells these situations."""

from __future__ import annotations

import random

from danlu.data.tutor.families.cast import person, pick
from danlu.data.tutor.problem import Story, minus, over, plus, times


def quiz_penalty(rng: random.Random) -> Story:
    who, right, wrong = person(rng), rng.randint(5, 12), rng.randint(2, 6)
    bonus, malus = rng.randint(4, 6), rng.randint(2, 3)
    text = (
        f"In a maths duel a correct answer brings {bonus} points and a wrong one costs {malus}. "
        f"{who} answers {right} correctly and {wrong} wrongly. What is the final score?"
    )
    won = times("the points for correct answers", right, bonus)
    lost = times("the points lost by wrong answers", wrong, malus)
    score = minus("the final score", won.value, lost.value)
    return Story(text, (won, lost, score), f"the score is {score.value}")


def beats(rng: random.Random) -> Story:
    bars, each = rng.randint(6, 16), rng.choice((3, 4, 5, 6))
    piece = pick(rng, "A waltz", "A drum solo", "A lullaby", "A march", "A flute tune")
    text = pick(
        rng,
        f"{piece} is {bars} bars long and every bar has {each} beats. How many beats are played?",
        f"With {each} beats to a bar, how many beats does it have: {piece.lower()} of {bars} bars?",
    )
    return Story(text, (times("the beats that are played", bars, each),), f"there are {bars * each} beats")


def board_game(rng: random.Random) -> Story:
    who, square, one, two = person(rng), rng.randint(12, 45), rng.randint(3, 6), rng.randint(4, 6)
    goal = square + one + two + rng.randint(7, 35)
    text = (
        f"{who}'s piece is on square {square} of a board whose goal is square {goal}. The dice show {one} and {two}. "
        "After that move, how many squares away is the goal?"
    )
    after = plus("the square after the move", square, one, two)
    away = minus("the squares to the goal", goal, after.value)
    return Story(text, (after, away), f"the goal is {away.value} squares away")


def relay(rng: random.Random) -> Story:
    team = pick(rng, "Red", "Blue", "Green", "Yellow")
    runners, seconds, gap = rng.randint(3, 6), rng.randint(11, 16), rng.randint(3, 15)
    text = (
        f"In a relay, the {runners} runners of Team {team} need {seconds} seconds each. The other team finishes "
        f"after {runners * seconds + gap} seconds. By how many seconds does Team {team} win?"
    )
    total = times(f"the time of Team {team}", runners, seconds)
    lead = minus("the lead in seconds", runners * seconds + gap, total.value)
    return Story(text, (total, lead), f"the lead is {gap} seconds")


def songs_in_break(rng: random.Random) -> Story:
    length, songs = rng.randint(3, 6), rng.randint(4, 12)
    when = pick(rng, "an interval", "a radio hour", "a rehearsal", "a bus trip")
    text = pick(
        rng,
        f"{when.capitalize()} leaves {length * songs} minutes for music. How many songs of {length} minutes fit in?",
        f"If a song runs {length} minutes, how many of them fill {length * songs} minutes of {when}?",
    )
    return Story(text, (over("the songs that fit in", length * songs, length),), f"{songs} songs fit in")


def bottle_caps(rng: random.Random) -> Story:
    who, rate, prizes = person(rng), rng.randint(4, 9), rng.randint(4, 9)
    total = rate * prizes
    found = rng.randint(5, total - 6)
    prize = pick(rng, "whistle", "yo-yo", "rubber duck", "spinning top")
    text = (
        f"A stall hands over a {prize} for every {rate} bottle caps. {who} brings {total - found} caps and finds "
        f"{found} more on the way. How often can {who.they} swap?"
    )
    caps = plus("all the bottle caps", total - found, found)
    swaps = over("the number of swaps", caps.value, rate)
    return Story(text, (caps, swaps), f"{who} can swap {prizes} times")


def jigsaw(rng: random.Random) -> Story:
    who, first, rest = person(rng), rng.randint(11, 35), rng.randint(12, 50)
    text = (
        f"A jigsaw has {3 * first + rest} pieces. {who} fits {first} on Saturday and double that on Sunday. "
        "How many pieces are still loose?"
    )
    sunday = times("the pieces fitted on Sunday", 2, first)
    both = plus("the pieces fitted on both days", first, sunday.value)
    loose = minus("the loose pieces", 3 * first + rest, both.value)
    return Story(text, (sunday, both, loose), f"{rest} pieces are still loose")


def monsters(rng: random.Random) -> Story:
    who, count, harm, rest = person(rng), rng.randint(3, 9), rng.randint(3, 9), rng.randint(5, 30)
    foe = pick(rng, "goblin", "robot", "dragon", "ghost", "space crab")
    text = (
        f"{who}'s hero enters the cave with {count * harm + rest} life points. Every {foe} takes away {harm} of them, "
        f"and there are {count}. How many life points survive the cave?"
    )
    hurt = times("the life points lost", count, harm)
    alive = minus("the life points that survive", count * harm + rest, hurt.value)
    return Story(text, (hurt, alive), f"{rest} life points survive")


def block_layers(rng: random.Random) -> Story:
    who, fewer = person(rng), rng.randint(3, 9)
    bottom = 2 * fewer + rng.randint(3, 30)
    text = (
        f"{who} stacks toy blocks. The ground layer has {bottom} and each layer above has {fewer} fewer than the one "
        "below. How many blocks are in the third layer?"
    )
    gone = times("the blocks fewer than in the ground layer", 2, fewer, hint="Going up to it takes two jumps.")
    third = minus("the blocks in that layer", bottom, gone.value)
    return Story(text, (gone, third), f"the layer has {third.value} blocks")


def choir(rng: random.Random) -> Story:
    rows, each = rng.randint(3, 6), rng.randint(6, 12)
    total = rows * each
    high = rng.randint(5, total - 12)
    middle = rng.randint(3, total - high - 5)
    text = (
        f"A choir of {high} sopranos, {middle} altos and {total - high - middle} basses lines up in {rows} even ranks. "
        "How many singers make up a rank?"
    )
    singers = plus("the number of singers", high, middle, total - high - middle)
    rank = over("the singers in a rank", singers.value, rows)
    return Story(text, (singers, rank), f"a rank has {each} singers")


FAMILIES = (
    quiz_penalty,
    beats,
    board_game,
    relay,
    songs_in_break,
    bottle_caps,
    jigsaw,
    monsters,
    block_layers,
    choir,
)
