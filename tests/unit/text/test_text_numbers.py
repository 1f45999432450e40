"""Numbers are found however they are written."""

import pytest

from danlu.text.numbers import numbers_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3 apples and 1,250.5 pears", [3, 1250.5]),
        ("twelve", [12]),
        ("Thirty pupils", [30]),
        ("twenty-five and sixty seven", [25, 67]),
        ("two hundred and five", [205]),
        ("a hundred and thirty-one", [131]),
        ("three thousand two hundred", [3200]),
        ("3 thousand", [3000]),
        ("two, three", [2, 3]),
        ("two three", [2, 3]),
        ("one or two", [1, 2]),
        ("two and three", [2, 3]),
        ("twenty ten", [20, 10]),
        ("forty 5", [40, 5]),
        ("5 and six", [5, 6]),
        ("12-5", [12, 5]),
        ("3/4", [3, 4]),
        ("5² and ½", [5]),
        ("nobody, someone, often, weight", []),
        ("", []),
    ],
)
def test_every_stated_number_is_found_in_order(text, numbers):
    assert numbers_in(text) == numbers
