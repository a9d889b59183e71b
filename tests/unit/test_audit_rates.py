"""Rates estimated without labels, and the intervals of the largest difference."""

import numpy as np
import pytest

from ethnicity.audit.differences import differences
from ethnicity.audit.prevalence import Answers, Reference
from ethnicity.audit.rates import outcome_rates

CALIBRATED = Reference({"one": np.zeros((1, 6))}, "model")


def answers(rng: np.random.Generator, label: np.ndarray) -> Answers:
    """Faces whose log-likelihood ratios are calibrated, as in test_audit_prevalence."""
    logits = rng.normal(size=(len(label), 5)) * 1.6 + 1.6**2 * np.eye(5)[label]
    powers = np.exp(logits)
    return Answers(np.ones(len(label), np.int64), powers / powers.sum(axis=1, keepdims=True))


def drawn(
    rng: np.random.Generator, counts: list[int], rates: np.ndarray
) -> tuple[Answers, Answers, np.ndarray]:
    """Faces with and without an outcome, and the rates by most probable label."""
    label = np.repeat(np.arange(5), counts)
    happens = rng.random(len(label)) < rates[label]
    strata = (answers(rng, label[happens]), answers(rng, label[~happens]))
    guesses = [np.bincount(each.probabilities.argmax(axis=1), minlength=5) for each in strata]
    return *strata, guesses[0] / (guesses[0] + guesses[1])


def test_estimated_rates_show_a_difference_that_counting_hides() -> None:
    rng = np.random.default_rng(0)
    rates = np.array([0.05, 0.4, 0.05, 0.05, 0.05])

    failures, others, counted = drawn(rng, [6000, 1000, 1000, 1000, 1000], rates)
    found = outcome_rates(failures, others, CALIBRATED, rng, 50)

    assert np.ptp(counted) < 0.7 * np.ptp(rates)
    assert found.value == pytest.approx(rates, abs=0.04)
    assert found.faces == pytest.approx([6000, 1000, 1000, 1000, 1000], abs=150)


def test_intervals_contain_rates_and_the_largest_difference_as_often_as_stated() -> None:
    covered, gaps, false_alarms = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        alike = seed % 2 == 0
        rates = np.full(5, 0.15) if alike else rng.uniform(0.05, 0.4, 5)
        failures, others, _ = drawn(rng, rng.multinomial(1000, np.full(5, 0.2)).tolist(), rates)
        found = outcome_rates(failures, others, CALIBRATED, rng, 200)
        low, high = np.quantile(found.draws, (0.025, 0.975), axis=0)
        covered.append((low <= rates) & (rates <= high))
        gap = differences(found.value, found.draws)
        gaps.append(bool(gap.low <= np.ptp(rates) + 1e-12 <= gap.high))
        if alike:
            false_alarms.append(bool(gap.sure))
    assert 0.92 <= np.mean(covered) <= 0.99
    assert np.mean(gaps) >= 0.93
    assert np.mean(false_alarms) <= 0.1


def test_the_largest_of_many_chance_differences_is_not_reported() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(0.2, 0.02, 5)
    draws = value + rng.normal(0, 0.02, (2000, 5))

    found = differences(value, draws)

    assert found.largest == pytest.approx(np.ptp(value))
    assert (found.higher, found.lower) == (int(value.argmax()), int(value.argmin()))
    assert found.low == 0
    assert found.sure == ()
    assert found.high > found.largest


def test_pairs_that_clearly_differ_are_listed_with_the_clearest_first() -> None:
    rng = np.random.default_rng(0)
    value = np.array([0.1, 0.3, 0.11])

    found = differences(value, value + rng.normal(0, 0.01, (2000, 3)))

    assert set(found.sure) == {(1, 0), (1, 2)}
    assert 0.1 < found.low < 0.2 < found.high < 0.25


def test_an_outcome_without_faces_has_rates_near_zero() -> None:
    rng = np.random.default_rng(0)
    nobody = Answers(np.zeros(0, np.int64), np.zeros((0, 5)))

    found = outcome_rates(nobody, answers(rng, np.repeat(np.arange(5), 50)), CALIBRATED, rng, 100)

    assert (found.value == 0).all()
    assert np.quantile(found.draws, 0.975) < 0.15
