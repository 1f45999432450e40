import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute.serving.voice import NATURAL_S, Cascade, EndToEnd
from danlu.errors import RecipeError


def test_a_cascade_answers_after_a_second_and_one_model_after_three_tenths():
    cascade, whole = Cascade().turn(ttft_s=0.25, tpot_s=0.010), EndToEnd().turn(step_s=0.04)
    assert cascade.total_s == pytest.approx(1.0, rel=0.15)
    assert whole.total_s == pytest.approx(NATURAL_S, rel=0.05)
    assert whole.interrupted_s < cascade.interrupted_s


def test_the_parts_are_all_of_it_and_the_longest_is_named():
    turn = Cascade(endpoint_s=0.7).turn(0.2, 0.01)
    assert turn.total_s == pytest.approx(sum(turn.parts.values()))
    assert "end of speech (700 ms)" in turn.words


@given(st.floats(0, 2), st.floats(0, 0.2), st.floats(0.001, 1))
def test_a_slower_model_never_answers_sooner(ttft, tpot, more):
    assert Cascade().turn(ttft + more, tpot).total_s > Cascade().turn(ttft, tpot).total_s
    assert Cascade().turn(ttft, tpot + more).total_s > Cascade().turn(ttft, tpot).total_s


def test_a_model_slower_than_sound_is_refused():
    with pytest.raises(RecipeError, match="at most 80 ms"):
        EndToEnd().turn(0.1)


def test_a_negative_time_is_refused():
    with pytest.raises(RecipeError, match="endpoint_s"):
        Cascade(endpoint_s=-0.1)
