"""How an answer is marked: small verifiers that compose."""

from danlu.grading.dialogue import addresses, brief, finished, in_role, one_question, speaks_for_itself
from danlu.grading.mark import Mark, Reply, Verifier, all_of, exact
from danlu.grading.number import final_number, gives_nothing_away, last_number, states_no_result

__all__ = [
    "Mark",
    "Reply",
    "Verifier",
    "addresses",
    "all_of",
    "brief",
    "exact",
    "final_number",
    "finished",
    "gives_nothing_away",
    "in_role",
    "last_number",
    "one_question",
    "speaks_for_itself",
    "states_no_result",
]
