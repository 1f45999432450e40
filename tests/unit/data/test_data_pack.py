"""Packs hold every document once, whole, and are nearly full."""

from hypothesis import given
from hypothesis import strategies as st

from danlu.data.pack import pack

LENGTHS = st.lists(st.integers(1, 50), max_size=80)


@given(LENGTHS, st.integers(0, 3))
def test_every_document_is_in_one_pack_and_no_pack_is_longer_than_it_may_be(lengths, seed):
    packs = pack(lengths, 50, seed)
    assert sorted(number for numbers in packs for number in numbers) == list(range(len(lengths)))
    assert all(0 < sum(lengths[number] for number in numbers) <= 50 for numbers in packs)


@given(LENGTHS)
def test_no_two_packs_could_be_one(lengths):
    sizes = sorted(sum(lengths[number] for number in numbers) for numbers in pack(lengths, 50, 0))
    assert len(sizes) < 2 or sizes[0] + sizes[1] > 50


def test_the_seed_alone_decides_the_order():
    lengths = [3, 5, 8, 13, 21] * 20
    assert pack(lengths, 34, 7) == pack(lengths, 34, 7)
    assert pack(lengths, 34, 7) != pack(lengths, 34, 8)
