import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute.economics.scaling import (
    BESIROGLU,
    HOFFMANN,
    cheapest,
    effective_tokens,
    optimal,
    repeated,
    size,
    time_to_quality_s,
)
from danlu.errors import RecipeError


def test_chinchillas_budget_gives_chinchilla():
    found = optimal(6 * 70e9 * 1.4e12)
    assert found.parameters == pytest.approx(70e9, rel=0.1)
    assert found.tokens_per_parameter == pytest.approx(20, rel=0.15)


@given(st.floats(1e18, 1e27), st.sampled_from([0.5, 0.8, 1.25, 2]))
def test_no_other_size_is_better_for_the_budget(flops, off):
    best = optimal(flops)
    other = size(best.parameters * off, best.tokens / off)
    assert other.train_flops == pytest.approx(flops)
    assert best.loss.value <= other.loss.value


@given(st.floats(1e8, 1e12), st.floats(1e9, 1e14))
def test_the_interval_holds_the_loss_and_more_of_either_lowers_it(parameters, tokens):
    loss = BESIROGLU.loss(parameters, tokens)
    assert loss.low <= loss.value <= loss.high
    assert BESIROGLU.loss(2 * parameters, tokens).value < loss.value
    assert BESIROGLU.loss(parameters, 2 * tokens).value < loss.value


def test_the_interval_widens_away_from_the_runs_that_were_fitted():
    fit = replace(BESIROGLU, sigma_irreducible=0.0)
    width = [(e.high - e.low) / e.value for e in (fit.loss(1.2e9, 1.2e10), fit.loss(1.2e8, 1.2e10))]
    assert width[1] > width[0]


def test_a_fit_of_ones_own_without_errors_has_no_interval():
    loss = replace(HOFFMANN, name="mine").loss(1e9, 2e10)
    assert loss.low == loss.value == loss.high


def test_a_model_that_serves_two_trillion_tokens_is_smaller_as_sardana_finds():
    """Their figure 1: 7B instead of 13B, 1.7e22 FLOP or 17% less over its life."""
    low, high = 1e20, 1e24
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if optimal(middle, HOFFMANN).parameters < 13e9 else (low, middle)
    usual = optimal(high, HOFFMANN)
    served = size(usual.parameters, usual.tokens, HOFFMANN, 2e12)
    best = cheapest(usual.loss.value, 2e12, HOFFMANN)
    assert best.parameters == pytest.approx(7e9, rel=0.05)
    assert 1 - best.flops / served.flops == pytest.approx(0.17, abs=0.01)
    assert best.loss.value == pytest.approx(usual.loss.value)


@given(st.floats(1e20, 1e25), st.floats(1e9, 1e14))
def test_the_more_is_served_the_smaller_and_longer_trained(flops, served):
    loss = optimal(flops).loss.value
    alone, used = cheapest(loss), cheapest(loss, served)
    assert used.parameters <= alone.parameters * 1.0001
    assert used.tokens_per_parameter >= alone.tokens_per_parameter * 0.999
    assert alone.train_flops == pytest.approx(flops, rel=1e-3)


def test_four_passes_are_almost_as_good_as_fresh_data_and_forty_are_not():
    assert effective_tokens(1e9, 4e9) > 3.6e9
    assert effective_tokens(1e9, 40e9) < 16.39e9


@given(st.floats(1e6, 1e12), st.floats(1, 1000), st.floats(1.01, 10))
def test_repeats_are_worth_something_but_less_than_fresh(unique, epochs, more):
    value = effective_tokens(unique, unique * epochs)
    assert unique <= value * (1 + 1e-9)
    assert value <= unique * epochs * (1 + 1e-9)
    assert effective_tokens(unique, unique * epochs * more) >= value
    assert value < unique * 16.4


def test_repeating_costs_as_much_as_fresh_data_and_gives_less():
    assert repeated(1e9, 1e9, 10).train_flops == size(1e9, 1e10).train_flops
    assert repeated(1e9, 1e9, 10).loss.value > size(1e9, 1e10).loss.value


def test_time_to_quality_of_a_small_team():
    """Eight H100 at 400 TFLOP/s each: the loss of 1B parameters on 20B tokens, in under a day."""
    loss = BESIROGLU.loss(1e9, 20e9).value
    assert 0.3 < time_to_quality_s(loss, 8 * 400e12) / 86_400 < 0.5


def test_an_impossible_loss_says_what_is_possible():
    with pytest.raises(RecipeError, match=r"ask for more than 1\.8172"):
        cheapest(1.5)
