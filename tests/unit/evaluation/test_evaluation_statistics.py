"""Intervals that cover what they promise, tests that are exact, and no claim from nothing."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from danlu.evaluation.statistics import MIN_CLUSTERS, paired, sign_flip


def by_statsmodels(d, clusters):
    number = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    fit = sm.OLS(d, np.ones(len(d))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array([number[c] for c in clusters])}, use_t=True
    )
    return fit.bse[0], tuple(fit.conf_int()[0])


def mirrored(rng, groups, size):
    """Differences in clusters of one size, as many above their mean as below it, so that nothing is skewed."""
    half = np.repeat(rng.normal(0, 1, groups // 2), size) + rng.normal(0, 1, groups // 2 * size)
    return 0.4 + np.concatenate([half, -half])


@pytest.mark.parametrize(("groups", "size"), [(30, 2), (200, 1), (12, 5)])
def test_interval_equals_statsmodels_for_clusters_of_one_size(groups, size):
    d = mirrored(np.random.default_rng(groups), groups, size)
    clusters = [f"c{i // size}" for i in range(groups * size)]
    got = paired(np.zeros(len(d)), d, clusters)
    se, interval = by_statsmodels(d, clusters)
    assert got.se == pytest.approx(se, rel=1e-9)
    assert got.p > 0.05 or got.ci95 == pytest.approx(interval, rel=1e-9)
    assert (got.n, got.clusters) == (groups * size, groups)


def test_differences_that_lean_one_way_move_that_end_outwards_and_no_end_inwards():
    d = np.array([-1.0] * 20 + [0.0] * 380)
    clusters = [str(i) for i in range(400)]
    low, high = paired(np.zeros(400), d, clusters, bound=1.0).ci95
    _, (narrow_low, narrow_high) = by_statsmodels(d, clusters)
    assert low < narrow_low and high == pytest.approx(narrow_high, abs=1e-9)
    # 20 of 400 answers were lost and none won: Wilson's interval of that share ends at 0.0759
    assert low == pytest.approx(-0.0759, abs=2e-3)


def test_unequal_clusters_get_an_interval_that_is_no_narrower_than_statsmodels():
    rng = np.random.default_rng(3)
    sizes = [1, 1, 2, 3, 3, 5, 8, 13, 21]
    clusters = [f"c{i}" for i, size in enumerate(sizes) for _ in range(size)]
    d = np.concatenate([rng.normal(0, 1) + rng.normal(0, 1, size) for size in sizes])
    assert paired(np.zeros(len(d)), d, clusters).se >= by_statsmodels(d, clusters)[0]


def test_the_standard_error_is_the_jackknife_over_clusters():
    d, clusters = np.array([1.0, 0.0, 0.5, -1.0, 0.0, 1.0]), ["a", "a", "a", "b", "c", "c"]
    left_out = [np.mean([x for x, c in zip(d, clusters, strict=True) if c != name]) for name in "abc"]
    expected = math.sqrt(2 / 3 * sum((x - d.mean()) ** 2 for x in left_out))
    assert paired(np.zeros(6), d, clusters).se == pytest.approx(expected)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 0), (9, 2), (40, 30), (1, 1)])
def test_the_test_of_right_or_wrong_answers_is_mcnemars_exact_test(wins, losses):
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_flip(np.array([1.0] * wins + [-1.0] * losses + [0.0] * 50)) == pytest.approx(expected)


def test_the_test_of_cluster_sums_is_scipys_permutation_test():
    sums = np.random.default_rng(5).normal(0.5, 1, 10)
    reference = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(sums) == pytest.approx(reference.pvalue, abs=1e-12)


def test_drawn_sign_patterns_come_near_the_exact_p():
    sums = np.random.default_rng(6).normal(0.3, 1, 18)
    reference = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(sums) == pytest.approx(reference.pvalue, abs=0.01)
    assert sign_flip(sums) == sign_flip(sums.copy())


def answers(rng, n, lost, won):
    """Right or wrong, paired: shares that the tuned model loses and wins."""
    fate = rng.choice(3, n, p=[lost, won, 1 - lost - won])
    base = np.where(fate == 0, 1.0, np.where(fate == 1, 0.0, 1.0))
    return base, np.where(fate == 0, 0.0, np.where(fate == 1, 1.0, 1.0)), [str(i) for i in range(n)], won - lost, 1.0


def replies(rng, families, size, wanted):
    """Item scores of 0, 0.5 and 1, alike within a family."""
    skill = np.repeat(rng.normal(0, 0.8, families), size)
    noise = rng.normal(0, 1, (2, families * size))
    base = ((skill + noise > 0.6).sum(axis=0)) / 2
    tuned = ((skill + rng.normal(0, 1, (2, families * size)) > 0.6 - wanted).sum(axis=0)) / 2
    share = stats.norm.cdf((wanted - 0.6) / math.hypot(1, 0.8)) - stats.norm.cdf(-0.6 / math.hypot(1, 0.8))
    return base, tuned, [f"f{i // size}" for i in range(families * size)], share, 1.0


def losses(rng, groups, wanted):
    """Losses in clusters of very different sizes."""
    sizes = rng.integers(1, 9, groups)
    clusters = [f"c{i}" for i, size in enumerate(sizes) for _ in range(size)]
    shift = np.repeat(rng.normal(0, 0.1, groups), sizes)
    return np.zeros(len(clusters)), wanted + shift + rng.normal(0, 0.15, len(clusters)), clusters, wanted, math.inf


CASES = {
    "400 choices, one in ten changes": lambda rng: answers(rng, 400, 0.06, 0.04),
    "2000 choices, one in five changes": lambda rng: answers(rng, 2000, 0.11, 0.09),
    "60 replies in 30 families": lambda rng: replies(rng, 30, 2, 0.5),
    "losses of 40 unequal groups": lambda rng: losses(rng, 40, -0.05),
}


@pytest.mark.parametrize("case", CASES)
def test_the_95_interval_covers_the_truth_in_95_of_100_evaluations(case):
    rng, times = np.random.default_rng(11), 800
    hits = 0
    for _ in range(times):
        base, tuned, clusters, truth, bound = CASES[case](rng)
        low, high = paired(base, tuned, clusters, bound=bound).ci95
        hits += low <= truth <= high
    assert 0.93 <= hits / times <= 0.97


@pytest.mark.parametrize(("lost", "n"), [(0.005, 200), (0.01, 100), (0.02, 50), (0.002, 400)])
def test_where_hardly_anything_differs_the_interval_still_covers(lost, n):
    rng, times = np.random.default_rng(12), 1000
    hits = 0
    for _ in range(times):
        base, tuned, clusters, truth, bound = answers(rng, n, lost, 0.0)
        low, high = paired(base, tuned, clusters, bound=bound).ci95
        hits += low <= truth <= high
    assert hits / times >= 0.93


@pytest.mark.parametrize(("lost", "won", "n"), [(0.05, 0.0, 400), (0.10, 0.05, 400), (0.08, 0.05, 2100)])
def test_a_fall_as_large_as_the_margin_passes_for_no_fall_in_few_evaluations(lost, won, n):
    rng, times = np.random.default_rng(13), 800
    held = 0
    for _ in range(times):
        base, tuned, clusters, fall, bound = answers(rng, n, lost, won)
        held += paired(base, tuned, clusters, bound=bound).ci95[0] > fall
    assert held / times <= 0.04  # 0.025 is nominal


def test_chance_is_called_a_gain_in_few_evaluations():
    rng, times = np.random.default_rng(14), 800
    gains = sum(paired(*replies(rng, 30, 2, 0.0)[:3], bound=1.0).ci95[0] > 0 for _ in range(times))
    assert gains / times <= 0.03  # 0.025 is nominal


def test_without_any_difference_no_more_is_known_than_the_count_allows():
    same = paired([1.0] * 20, [1.0] * 20, [str(i) for i in range(20)], bound=1.0)
    assert same.diff == 0 and same.p == 1
    assert same.ci95[1] == -same.ci95[0] == pytest.approx(0.161, abs=1e-3)  # Tango: z² / (n + z²)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_clusters_never_claim(n):
    for bound in (1.0, math.inf):
        assert not paired([0.0] * n, [1.0] * n, [str(i) for i in range(n)], bound=bound).can_claim
        one = paired([0.0] * n, [1.0] * n, ["only"] * n, bound=bound)
        assert one.ci95[0] == -bound and one.ci95[1] == bound


@given(st.lists(st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 0.5, 1]), st.integers(0, 8)), min_size=1))
@settings(max_examples=150, deadline=None)
def test_interval_and_exact_test_never_disagree(items):
    base, tuned, clusters = zip(*items, strict=True)
    got = paired(base, tuned, [str(c) for c in clusters], bound=1.0)
    low, high = got.ci95
    assert -1 <= low <= got.diff <= high <= 1
    if low > 0 or high < 0:
        assert got.p <= 0.05 and got.clusters >= MIN_CLUSTERS
    flipped = paired(tuned, base, [str(c) for c in clusters], bound=1.0)
    assert flipped.ci95 == pytest.approx((-high, -low)) and flipped.p == pytest.approx(got.p)


def totals(rng, n, spread):
    """Bits of two arms and bytes of n documents whose lengths spread; long ones gain more. True ratio: see below."""
    sizes = np.exp(rng.normal(6, spread, n))
    rates = -0.02 * (1 + 0.5 * (np.log(sizes) - 6) / spread) + rng.normal(0, 0.05, n)
    base = sizes * (2 + rng.normal(0, 0.2, n))
    return base, base + sizes * rates, sizes


@pytest.mark.parametrize(("n", "spread"), [(20, 0.3), (20, 1.5), (60, 1.0), (200, 1.5)])
def test_the_interval_of_a_ratio_of_sums_covers_whatever_the_lengths(n, spread):
    truth = -0.02 * (1 + 0.5 * spread)  # the mean of log sizes, weighted by size, lies one variance up
    rng, inside = np.random.default_rng(n), 0
    for _ in range(400):
        base, tuned, sizes = totals(rng, n, spread)
        low, high = paired(base, tuned, [str(i) for i in range(n)], sizes=sizes).ci95
        inside += low <= truth <= high
    assert 0.92 <= inside / 400 <= 0.985


def test_a_ratio_of_sums_weighs_documents_by_their_size_and_equal_sizes_change_nothing():
    rng = np.random.default_rng(3)
    base, tuned, sizes = totals(rng, 30, 1.0)
    names = [str(i) for i in range(30)]
    found = paired(base, tuned, names, sizes=sizes)
    assert found.base == pytest.approx(base.sum() / sizes.sum())
    assert found.diff == pytest.approx((tuned - base).sum() / sizes.sum())
    without = [np.delete(tuned - base, i).sum() / np.delete(sizes, i).sum() for i in range(30)]
    assert found.se == pytest.approx(math.sqrt(29 / 30 * sum((w - found.diff) ** 2 for w in without)))
    equal, plain = paired(base, tuned, names, sizes=[4.0] * 30), paired(base / 4, tuned / 4, names)
    assert equal.ci95 == pytest.approx(plain.ci95)
    assert (equal.p, equal.n, equal.clusters) == (plain.p, plain.n, plain.clusters)


def test_one_long_document_among_short_ones_claims_nothing():
    sizes = [1e6, *[100.0] * 30]
    base = [2 * size for size in sizes]
    tuned = [1.9 * base[0], *[b * (1.01 if n % 2 else 0.99) for n, b in enumerate(base[1:])]]
    low, high = paired(base, tuned, [str(n) for n in range(31)], sizes=sizes).ci95
    assert low < 0 < high
