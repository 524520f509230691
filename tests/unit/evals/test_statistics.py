"""Every number that decides a word is the number of scipy, or of the page that published it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import special, stats

from tui.evals.statistics.intervals import bonett_price, bootstrap_mean, wilson
from tui.evals.statistics.labels import cohen_kappa, label_report
from tui.evals.statistics.paired import mcnemar
from tui.evals.statistics.preference import Ratings, confidence_sequence, stop_advice, win_rate
from tui.evals.statistics.verdict import Word, compare_paired, more_rows_needed, reaches


@pytest.mark.parametrize(("successes", "rows"), [(0, 5), (1, 7), (5, 5), (50, 60), (7_777, 10_000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(successes: int, rows: int, confidence: float) -> None:
    expected = stats.binomtest(successes, rows).proportion_ci(confidence, method="wilson")
    found = wilson(successes, rows, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, rows: int, low: float, high: float) -> None:
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", Stat. Med. 17, 857-872,
    # table I, method 3: all four of its examples.
    found = wilson(successes, rows)
    assert [round(end, 4) for end in (found.low, found.high)] == [low, high]


def test_no_rows_rule_nothing_out() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert compare_paired([], []).word is Word.UNKNOWN
    assert stop_advice(Ratings(0, 0)).stop is False


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 1), (1, 7), (5, 5), (12, 3), (0, 30), (130, 90), (900, 1_100)]
)
def test_mcnemar_is_scipys_exact_binomial_test_and_its_mid_p(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost)
    rows, fewer = gained + lost, min(gained, lost)
    assert found.exact_p == pytest.approx(stats.binomtest(gained, rows).pvalue, rel=1e-9)
    point = stats.binom.pmf(fewer, rows, 0.5)
    expected = 1 - point / 2 if gained == lost else 2 * stats.binom.cdf(fewer, rows, 0.5) - point
    assert found.mid_p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_gives_the_published_values_of_the_airway_study() -> None:
    # Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91, table 1 (Bentur et al. 2009): of 21
    # children 1 and 7 changed. Exact p also by statsmodels 0.15.0: 0.0703125.
    found = mcnemar(1, 7)
    assert round(found.exact_p, 3) == 0.070
    assert round(found.mid_p, 3) == 0.039


def test_mcnemar_stays_exact_where_floats_end() -> None:
    found = mcnemar(0, 1_060)
    assert 0 < found.exact_p < 1e-300


def test_the_interval_of_paired_proportions_is_the_one_that_those_who_recommend_it_print() -> None:
    # Fagerland, Lydersen and Laake, R package contingencytables, test of Wald_CI_BonettPrice_paired_2x2 by
    # cavo_2012 (59, 6, 16, 80): estimate = -0.0621 (95% CI -0.1195 to -0.0032).
    found = bonett_price(6, 16, 161)
    assert [round(one, 4) for one in (found.estimate, found.low, found.high)] == [-0.0621, -0.1195, -0.0032]


def test_the_interval_of_paired_proportions_is_bonett_and_prices() -> None:
    # The airway study, by hand: (2 - 8) / 23 -+ 1.959964 * sqrt((10/23 - (6/23)^2) / 23).
    found = bonett_price(1, 7, 21)
    assert round(found.low, 4) == -0.5084
    assert round(found.high, 4) == -0.0134
    assert found.estimate == pytest.approx(-6 / 21)


@pytest.mark.parametrize(("gained", "lost", "same"), [(10, 4, 30), (30, 10, 160), (3, 9, 40)])
def test_the_interval_of_paired_proportions_covers_the_truth_as_often_as_it_says(
    gained: int, lost: int, same: int
) -> None:
    rows = gained + lost + same
    shares = np.array([gained, lost, same]) / rows
    drawn = np.random.default_rng(1).multinomial(rows, shares, size=4_000)
    truth = (gained - lost) / rows
    covered = 0
    for up, down, _ in drawn:
        interval = bonett_price(int(up), int(down), rows)
        covered += interval.low <= truth <= interval.high
    assert 0.935 < covered / len(drawn) < 0.975


def test_a_share_reaches_its_own_percentage_however_it_is_written_in_binary() -> None:
    assert all(
        reaches(right / rows, 100 * right / rows) for rows in range(1, 60) for right in range(rows + 1)
    )
    assert all(reaches(right / 100, right) for right in range(101))
    assert not reaches(0.2899, 29)
    assert not reaches(float("nan"), 0)


def scores(rows: int, seed: int) -> list[float]:
    generator = np.random.default_rng(seed)
    return [float(value) for value in generator.beta(0.5, 0.9, rows) - generator.beta(0.7, 0.9, rows)]


@pytest.mark.parametrize("rows", [8, 40, 333])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_bootstrap_is_scipys_bca_at_the_same_seed(rows: int, confidence: float) -> None:
    values = scores(rows, rows)
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=2_000, method="BCa",
        rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    found = bootstrap_mean(values, confidence, resamples=2_000, seed=7)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_same_scores_always_give_the_same_interval() -> None:
    assert bootstrap_mean(scores(50, 3)) == bootstrap_mean(scores(50, 3))


def test_many_rows_are_drawn_in_parts_that_fit_into_memory() -> None:
    values = scores(20_000, 5)
    interval = bootstrap_mean(values, resamples=500)
    deviation = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    assert interval.half_width == pytest.approx(1.96 * deviation, rel=0.15)


@pytest.mark.parametrize("values", [[0.5], [0.25] * 9])
def test_scores_that_are_all_the_same_leave_the_bootstrap_no_width(values: list[float]) -> None:
    interval = bootstrap_mean(values)
    assert interval.low == interval.high == values[0]


def test_the_word_follows_from_the_interval() -> None:
    better = compare_paired([0] * 12 + [1] * 20, [1] * 12 + [1] * 20)
    worse = compare_paired([1] * 12 + [1] * 20, [0] * 12 + [1] * 20)
    unknown = compare_paired([0, 1, 0, 1, 1] * 6, [1, 0, 0, 1, 1] * 6)
    assert (better.word, worse.word, unknown.word) == (Word.BETTER, Word.WORSE, Word.UNKNOWN)
    assert better.difference.low > 0 > worse.difference.high
    assert unknown.difference.low < 0 < unknown.difference.high
    assert better.sentence.startswith("better by +37.5 points (+")
    assert unknown.sentence.startswith("can't tell yet, about ")
    assert better.test is not None
    assert better.more_rows is None


@pytest.mark.parametrize("score", [1.0, 0.4])
def test_five_rows_settle_nothing_however_clear_they_look(score: float) -> None:
    assert compare_paired([0.0] * 5, [score] * 5).word is Word.UNKNOWN
    assert compare_paired([0.0] * 6, [score] * 6).word is Word.BETTER


def test_scores_between_right_and_wrong_are_judged_by_the_bootstrap() -> None:
    first, second = scores(60, 1), [value + 0.2 for value in scores(60, 1)]
    verdict = compare_paired(first, second)
    assert verdict.word is Word.BETTER
    assert verdict.test is None
    assert verdict.difference.method == "bootstrap (BCa)"


def test_lists_of_different_length_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare_paired([1.0], [1.0, 0.0])


def test_the_rows_asked_for_show_the_difference_about_as_often_as_promised() -> None:
    chance = random.Random(4)
    gained, lost, rows = 14, 6, 100
    differences = [1.0] * gained + [-1.0] * lost + [0.0] * (rows - gained - lost)
    more = more_rows_needed(differences)
    assert more is not None
    drawn = np.random.default_rng(chance.randrange(1_000)).multinomial(
        rows + more, [gained / rows, lost / rows, 1 - (gained + lost) / rows], size=2_000
    )
    shown = sum(bonett_price(int(up), int(down), rows + more).low > 0 for up, down, _ in drawn)
    assert 0.74 < shown / len(drawn) < 0.88


def test_no_difference_at_all_asks_for_the_rows_that_would_find_two_points() -> None:
    more = more_rows_needed([0.0] * 100)
    reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert more == np.ceil(reach**2 * (2 / 102) / 0.02**2) - 100


def test_the_win_rate_counts_decided_ratings_and_has_wilsons_interval() -> None:
    ratings = Ratings(wins=14, losses=6, ties=4, both_bad=1)
    rate = win_rate(ratings)
    expected = stats.binomtest(14, 20).proportion_ci(0.95, method="wilson")
    assert rate.estimate == 0.7
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high))
    assert ratings.total == 25
    assert (ratings.tie_words, Ratings(1, 0, ties=1).tie_words) == ("4 ties", "1 tie")


def martingale(wins: int, losses: int, p: float) -> float:
    return float(special.beta(wins + 1, losses + 1) / (p**wins * (1 - p) ** losses))


@pytest.mark.parametrize(("wins", "losses"), [(1, 0), (7, 2), (10, 10), (0, 6), (33, 12)])
def test_the_sequential_test_is_the_beta_mixture_martingale(wins: int, losses: int) -> None:
    advice = stop_advice(Ratings(wins, losses))
    assert advice.p_value == pytest.approx(min(1.0, 1 / martingale(wins, losses, 0.5)), rel=1e-9)
    for end in (advice.interval.low, advice.interval.high):
        if 0 < end < 1:
            assert martingale(wins, losses, end) == pytest.approx(20, rel=1e-6)


def test_eight_of_eight_may_stop_and_seven_of_seven_may_not() -> None:
    # (n + 1) / 2^n is the p value of n wins of n: 8/128 = 0.0625, 9/256 = 0.035.
    assert not stop_advice(Ratings(7, 0)).stop
    advice = stop_advice(Ratings(8, 0))
    assert advice.stop
    assert advice.reason == "You can stop now: the second is preferred."
    assert stop_advice(Ratings(0, 8)).reason == "You can stop now: the first is preferred."


def test_an_even_race_may_stop_too() -> None:
    advice = stop_advice(Ratings(500, 500))
    assert advice.stop
    assert advice.reason == "You can stop now: no preference beyond 60 to 40."


def test_looking_after_every_rating_is_wrong_no_more_often_than_promised() -> None:
    generator = np.random.default_rng(11)
    wrong = 0
    for _ in range(400):
        wins = losses = 0
        for won in generator.random(150) < 0.5:
            wins, losses = wins + won, losses + (not won)
            interval_excludes = martingale(wins, losses, 0.5) >= 20
            if interval_excludes:
                wrong += 1
                break
    assert wrong / 400 <= 0.05


def test_the_number_of_ratings_still_needed_settles_it_at_the_same_rate() -> None:
    advice = stop_advice(Ratings(13, 7))
    assert advice.more_ratings is not None
    total = 20 + advice.more_ratings
    wins = round(total * 13 / 20)
    assert stop_advice(Ratings(wins, total - wins)).stop
    assert advice.reason == f"Go on: not settled yet, about {advice.more_ratings} more at this rate."


def test_a_confidence_sequence_only_ever_holds_the_observed_share() -> None:
    for wins in range(0, 40, 3):
        interval = confidence_sequence(wins, 40 - wins)
        assert interval.low <= interval.estimate <= interval.high


def test_macro_f1_is_scikit_learns_published_example() -> None:
    # The example of f1_score in scikit-learn's reference, average="macro": 0.267.
    report = label_report(["0", "1", "2", "0", "1", "2"], ["0", "2", "1", "0", "0", "1"])
    assert round(report.macro_f1, 3) == 0.267


def test_the_confusion_grid_is_scikit_learns_published_example() -> None:
    report = label_report(["2", "0", "2", "2", "0", "1"], ["0", "0", "2", "2", "0", "2"])
    assert report.labels == ("0", "1", "2")
    assert report.grid == ((2, 0, 0), (0, 0, 1), (1, 0, 2))
    assert report.accuracy == pytest.approx(4 / 6)


def test_a_label_that_was_never_expected_counts_as_a_class_missed() -> None:
    report = label_report(["yes", "no"], ["yes", "Well, it depends."])
    assert report.macro_f1 == pytest.approx(1 / 3)


def test_kappa_is_that_of_a_worked_example_and_of_scikit_learn() -> None:
    # Wikipedia, "Cohen's kappa", simple example of 50 proposals: 20 both yes, 5 and 10 apart, 15 both no.
    # Agreement 0.7, by chance 0.5, kappa 0.4. The same by scikit-learn 1.9.1, cohen_kappa_score.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(["yes"], ["yes"]) is None
