"""The words of tutors and pupils. Two voices, one for training and one for held-out scripts, share no sentence.

Fields: {text} the problem; {goal} what a step finds; {calc} its calculation; {value} its result; {those} its numbers
("6 and 7"); {attempt} a pupil's wrong calculation; {wrong} its result; {doing} "adding"; {do} "multiply 6 by 7";
{conclusion} how the solution ends.
"""

from __future__ import annotations

from dataclasses import dataclass

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """Everything that can be said, by occasion."""

    opening: Lines  # the pupil brings the problem
    demanding: Lines  # the pupil brings it and wants the answer at once
    welcome: Lines  # the tutor before the first question
    decline: Lines  # the tutor will not hand the answer over
    first: Lines  # names what to find first, in a problem of several steps
    ask: Lines  # a guiding question for any step
    ask_text: Lines  # the same, where all its numbers stand in the problem
    ask_those: Lines  # the same, where all its numbers are known to the pupil
    hints: dict[str, Lines]  # by operator
    first_ask: Lines  # the question after that
    smaller: Lines  # a question after a hint
    right: Lines  # the pupil gives a step's result
    confirm: Lines  # the tutor agrees and shows the calculation
    onward: Lines  # leads to the next step's question
    nearly: Lines  # the same before the last step
    slip: Lines  # the pupil takes a wrong operation
    not_that: Lines  # the tutor's reaction to it, before a hint
    miscount: Lines  # the pupil takes the right calculation, but a wrong result
    recount: Lines  # the tutor's reaction: a full question
    lost: Lines
    comfort: Lines
    want: Lines  # the pupil wants to be told
    off_topic: tuple[tuple[str, str], ...]  # what the pupil says, how the tutor takes it
    back: Lines  # leads back to the question
    named: Lines  # the pupil names the last calculation, without its result
    worded: Lines  # the same in words: "{do}" is "multiply 6 by 7"
    found: Lines  # the pupil finds the last result
    close: Lines  # the tutor's last turn


TRAINING = Voice(
    opening=(
        "{text}",
        "{text}",
        "{text}",
        "{text} I don't know how to start.",
        "{text} Can you help me?",
        "{text} How do I begin?",
        "{text} I find this hard.",
        "Can you help me with this? {text}",
        "My homework says: {text}",
        "Here is my problem: {text}",
        "Hi! {text}",
        "I need help. {text}",
        "We got this in class today. {text}",
        "I'm stuck on this one: {text}",
        "Next exercise: {text}",
        "Hello, this is from my book: {text}",
    ),
    demanding=(
        "{text} Just tell me the answer.",
        "{text} Please give me the solution.",
        "{text} I only need the result.",
        "Quick, what's the answer? {text}",
        "Solve this for me: {text}",
        "Tell me the answer please. {text}",
    ),
    welcome=(
        "",
        "",
        "",
        "Let's look at it together.",
        "Let's think it through.",
        "Happy to help.",
        "Good one to practise.",
        "Let's take it step by step.",
        "We can work this out.",
        "Fine, let's start.",
        "Sure.",
        "Read it once more, slowly.",
    ),
    decline=(
        "You can find it yourself.",
        "Let's find it together instead.",
        "I won't give it away, but I'll help.",
        "It is worth more if you find it.",
        "No shortcuts, but we go in small steps.",
        "I'd rather help you find it.",
    ),
    first=(
        "First, let's find {goal}.",
        "Let's begin with {goal}.",
        "Before the end result we need to know {goal}.",
        "Start with {goal}.",
        "We first need to find out {goal}.",
    ),
    ask=(
        "How could you find {goal}?",
        "How would you work out {goal}?",
        "Which calculation tells you {goal}?",
        "What do you need to know to find {goal}?",
        "Would you add, subtract, multiply or divide to find {goal}?",
        "What is your idea to find {goal}?",
        "How can you get {goal}?",
    ),
    ask_text=("Which numbers in the problem help you find {goal}?", "What does the problem say about {goal}?"),
    ask_those=(
        "What could you do with {those} to find {goal}?",
        "How do {those} lead you to {goal}?",
        "You know {those}. How do they give you {goal}?",
    ),
    hints={
        "+": ("Amounts come together here.", "Think of putting the amounts together.", "Everything is put together."),
        "-": ("Think of taking something away.", "We look for what is left or for a difference."),
        "×": ("The same amount comes several times.", "Think of equal groups.", "Equal amounts are repeated."),
        "÷": (
            "Think of equal parts.",
            "Something is split equally here.",
            "See how often the one fits into the other.",
        ),
    },
    first_ask=(
        "How would you do that?",
        "Which numbers do you need for it?",
        "How can you calculate that?",
        "What would you do with the numbers?",
    ),
    smaller=(
        "Which calculation fits that?",
        "What would you calculate then?",
        "What does that tell you to do?",
        "Which operation is that?",
        "What can you write down now?",
    ),
    right=(
        "{calc} = {value}",
        "{calc} = {value}.",
        "{calc} is {value}.",
        "That's {value}.",
        "I get {value}.",
        "{value}?",
        "It must be {value}, because {calc} = {value}.",
        "{calc}, so {value}.",
        "Is it {value}?",
        "Hmm, {calc} makes {value}.",
    ),
    confirm=(
        "Yes, {calc} = {value}.",
        "Right, {calc} = {value}.",
        "Good, {calc} = {value}.",
        "Correct: {calc} = {value}.",
        "Exactly, {calc} = {value}.",
        "Well done, {calc} = {value}.",
    ),
    onward=("", "", "Now the next step.", "Let's go on."),
    nearly=("", "", "", "Now the last step.", "You are close.", "Nearly there.", "Let's go on."),
    slip=(
        "{attempt} = {wrong}?",
        "Is it {wrong}? I did {attempt}.",
        "I think {attempt} = {wrong}.",
        "{attempt}, that's {wrong}.",
        "{wrong}, because {attempt} = {wrong}.",
    ),
    not_that=(
        "Not quite.",
        "{doing} does not fit here.",
        "Look again at the problem.",
        "Good try, but {attempt} answers another question.",
        "Those numbers matter, but {doing} is not it.",
        "Careful.",
    ),
    miscount=(
        "{calc} = {wrong}?",
        "{calc} is {wrong}.",
        "I did {calc} and got {wrong}.",
        "It's {calc}, so {wrong}.",
    ),
    recount=(
        "{calc} is the right idea, but the result is off. Can you work it out again?",
        "Good plan, but please count once more. What is {calc}?",
        "Almost: the calculation fits, the result does not. What do you get for {calc}?",
        "You chose well, but check the result. What is {calc}?",
    ),
    lost=(
        "I don't know.",
        "I'm lost.",
        "No idea.",
        "I don't get it.",
        "Hmm, I'm not sure.",
        "This is confusing.",
        "I can't do this.",
        "What do you mean?",
        "Can you give me a hint?",
        "I'm stuck.",
    ),
    comfort=(
        "That's fine.",
        "No problem.",
        "Take your time.",
        "Don't worry.",
        "Here is a hint.",
        "Let's make it smaller.",
        "",
    ),
    want=(
        "Just tell me.",
        "Can't you just say it?",
        "Please, what's the answer?",
        "You do it.",
        "Tell me the result, I'm in a hurry.",
    ),
    off_topic=(
        ("Do you like football?", "Football can wait a moment."),
        ("I'm hungry.", "Soon you can have a snack."),
        ("My dog is called Biscuit.", "What a nice name."),
        ("What's your favourite colour?", "I like them all."),
        ("Is it going to rain today?", "I can't see the sky from here."),
        ("Can we play a game?", "This is a bit like a riddle already."),
        ("I saw a great film yesterday.", "Tell me about it later."),
        ("Maths is boring.", "It gets better once it works."),
        ("Are you a robot?", "I'm your maths tutor."),
        ("My brother is so loud.", "Try to block it out for a minute."),
        ("Did you watch the match?", "I missed it."),
        ("I want to go outside.", "Soon, we are nearly there."),
        ("Do you know any jokes?", "After this one, perhaps."),
        ("I'm tired.", "Just a little more."),
        ("What time is it?", "Time for a small step."),
        ("Let's talk about dinosaurs.", "Dinosaurs are great, but later."),
        ("My birthday is on Sunday!", "How lovely."),
        ("Can you write my essay?", "I only help with maths."),
        ("I got a new bike.", "Enjoy it after this."),
        ("Who won the election?", "That is not for a maths lesson."),
        ("Sing me a song.", "You would not enjoy that."),
        ("My friend is coming over later.", "Then let's finish in time."),
    ),
    back=("Back to our problem.", "Let's get back to it.", "Now to the problem again.", "First let's finish this."),
    named=(
        "So I do {calc}?",
        "So {calc}?",
        "So it's {calc}?",
        "Then {calc}.",
        "{calc}?",
        "Is it {calc}?",
        "Now {calc}.",
        "I have to do {calc}.",
        "Okay, {calc}, right?",
        "I think it is {calc}.",
        "Then I need {calc}.",
        "Ah, {calc}!",
    ),
    worded=(
        "So I {do}?",
        "Do I {do} now?",
        "I would {do}.",
        "Then I {do}.",
        "I have to {do}.",
        "Ah, now I {do}!",
    ),
    found=(
        "{calc} = {value}!",
        "{calc} = {value}.",
        "So the answer is {value}.",
        "I get {value}!",
        "It's {value}, because {calc} = {value}.",
        "Then it is {value}.",
    ),
    close=(
        "Yes: {calc} = {value}, so {conclusion}.",
        "Yes: {calc} = {value}, so {conclusion}.",
        "Exactly: {calc} = {value}, so {conclusion}.",
        "Right: {calc} = {value}, so {conclusion}.",
        "Correct: {calc} = {value}, so {conclusion}.",
        "That's it: {calc} = {value}, so {conclusion}.",
        "Well done: {calc} = {value}, so {conclusion}.",
    ),
)

HELD_OUT = Voice(
    opening=(
        "{text}",
        "{text}",
        "{text}",
        "{text} Where should I start?",
        "{text} I have no plan for this.",
        "Could we do this exercise? {text}",
        "Our teacher asked this: {text}",
        "Good morning! {text}",
        "I have been staring at this for a while: {text}",
    ),
    demanding=(
        "{text} What is the answer, please?",
        "I just want the solution for this: {text}",
        "{text} Say the result and we are done.",
    ),
    welcome=("",),
    decline=("Let us get there together.", "You will see that you can do it.", "I would like you to discover it."),
    first=("To begin with, think about {goal}.", "There is something to find before the end: {goal}."),
    ask=("By what calculation do you reach {goal}?", "What brings you to {goal}?", "How will you determine {goal}?"),
    ask_text=("Where does the exercise tell you something about {goal}?",),
    ask_those=("Take {those}: what do they tell you about {goal}?",),
    hints={
        "+": ("All of it belongs in a single heap.", "Nothing goes away, it only grows."),
        "-": ("A part of it goes, the rest stays.", "Compare the large with the small."),
        "×": ("The very same number returns again and again.", "It happens many times over."),
        "÷": ("Imagine dealing it out evenly.", "Count how many portions there are."),
    },
    first_ask=("How do you reach it?", "By what calculation?"),
    smaller=("So what would you write on paper?", "What kind of sum could that be?"),
    right=("{calc} gives {value}.", "My result is {value}.", "I worked out {calc} = {value}.", "I found {value}."),
    confirm=("Indeed, {calc} = {value}.", "I agree: {calc} = {value}.", "True, {calc} = {value}."),
    onward=("",),
    nearly=("",),
    slip=("Would it be {attempt} = {wrong}?", "My guess is {wrong}, from {attempt}."),
    not_that=("I see why, but {doing} leads elsewhere.", "That is a different question."),
    miscount=("For {calc} I have {wrong}.",),
    recount=("Your plan is sound, only the result is wrong. What does {calc} make?",),
    lost=("I can't see the way.", "That went over my head.", "My mind is blank."),
    comfort=("It is all right to be unsure.", "Let me put it another way."),
    want=("I'd prefer that you told me.",),
    off_topic=(
        ("Have you ever been to the sea?", "Never, sadly."),
        ("My shoes are wet.", "I hope they dry quickly."),
        ("I'd rather draw something.", "A sketch of the problem would be welcome."),
        ("There is a spider on my desk!", "Let it walk off in peace."),
        ("Which team do you support?", "Yours, in this exercise."),
    ),
    back=("Shall we return to the exercise.", "And now to where we were."),
    named=(
        "All that remains is {calc}, isn't it?",
        "My last step would be {calc}.",
        "Should I finish with {calc}?",
        "I'd write {calc} now.",
        "Would {calc} finish it?",
        "Finally I take {calc}.",
    ),
    worded=(
        "In the end I {do}, don't I?",
        "Would I {do} to finish?",
        "My last step is to {do}.",
        "May I {do} now?",
    ),
    found=("In the end I have {value}.",),
    close=("Indeed: {calc} = {value}, so {conclusion}.",),
)
