"""Shares estimated from a classifier's answers, and the coverage of their intervals."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicity.audit.prevalence import (
    Answers,
    Reference,
    estimate,
    interval,
    load_reference,
    replicates,
)
from ethnicity.audit.records import Record
from ethnicity.audit.tally import Tally
from ethnicity.classifier import load_classifier
from ethnicity.labels import LABELS

CALIBRATED = Reference({"one": np.zeros((1, 6))}, "model")


def faces(rng: np.random.Generator, counts: list[int], sure: float = 1.0) -> np.ndarray:
    """Probabilities of faces, calibrated for equal shares: softmax of normal logits."""
    label = np.repeat(np.arange(5), counts)
    # Logits N(s²·[label], s²) have log-likelihood ratios that are the logits themselves
    logits = rng.normal(size=(len(label), 5)) * sure + sure**2 * np.eye(5)[label]
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def answers(probabilities: np.ndarray) -> Answers:
    return Answers(np.ones(len(probabilities), np.int64), probabilities)


def test_estimated_shares_are_right_where_counting_is_far_off() -> None:
    truth = np.array([0.7, 0.2, 0.05, 0.05, 0.0])
    rng = np.random.default_rng(0)
    probabilities = faces(rng, (truth * 20_000).astype(int).tolist())

    counted = np.bincount(probabilities.argmax(axis=1), minlength=5) / len(probabilities)
    assert np.abs(counted - truth).max() > 0.15
    assert np.abs(estimate(answers(probabilities)) - truth).max() < 0.02


def test_intervals_contain_the_truth_as_often_as_stated() -> None:
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(300, rng.dirichlet(np.ones(5)))
        asked = answers(faces(rng, counts.tolist(), sure=2.0))
        low, high = interval(replicates(asked, CALIBRATED, rng, 100))
        covered.append((low <= counts / 300) & (counts / 300 <= high))
    assert 0.91 <= np.mean(covered) <= 0.99


def test_an_uncertain_calibration_widens_the_intervals() -> None:
    probabilities = faces(np.random.default_rng(0), [200] * 5)
    off = Reference({"a": np.tile([0, 0.3, 0, 0, 0, -0.3], (1, 1)), "b": np.zeros((1, 6))}, "model")

    widths = [
        np.subtract(
            *interval(replicates(answers(probabilities), each, np.random.default_rng(1), 100))[::-1]
        )
        for each in (CALIBRATED, off, off.only("b"))
    ]

    assert (widths[1] > widths[0])[[0, 4]].all()
    assert np.allclose(widths[0], widths[2])


def test_departures_widen_the_intervals_of_a_confident_classifier() -> None:
    probabilities = np.eye(5).repeat([500, 250, 150, 90, 10], axis=0)
    reference = Reference(CALIBRATED.shifts, "model", departure=0.002)

    drawn = replicates(answers(probabilities), reference, np.random.default_rng(0))

    share = np.array([0.5, 0.25, 0.15, 0.09, 0.01])
    assert drawn.mean(axis=0) == pytest.approx(share, abs=0.003)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(0.002 * share * (1 - share)), rel=0.2)


def test_intervals_contain_the_truth_if_faces_depart_from_the_calibration() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(40):
        # GIVEN a set whose faces look more, or less, like other labels than the calibration says
        counts = rng.multinomial(800, rng.dirichlet(np.full(5, 2)))
        label = np.repeat(np.arange(5), counts)
        push = rng.normal(size=(5, 5)) * 0.3
        logits = rng.normal(size=(800, 5)) * 2 + 2**2 * np.eye(5)[label] + push[label]
        powers = np.exp(logits)
        asked = answers(powers / powers.sum(axis=1, keepdims=True))
        truth = counts / 800
        for departure in (0.0, 0.005):
            reference = Reference(CALIBRATED.shifts, "model", departure)
            low, high = interval(replicates(asked, reference, rng, 200))
            covered.append((low <= truth) & (truth <= high))
    assert np.mean(covered[::2]) < 0.85
    assert np.mean(covered[1::2]) > 0.92


def test_confident_answers_give_the_counts_with_narrow_intervals() -> None:
    probabilities = np.eye(5).repeat([50, 30, 20, 0, 0], axis=0)
    asked = answers(probabilities)

    assert estimate(asked) == pytest.approx([0.5, 0.3, 0.2, 0, 0], abs=1e-6)
    low, high = interval(replicates(asked, CALIBRATED, np.random.default_rng(0)))
    assert np.abs(high - low).max() < 1e-9


def test_without_faces_the_shares_are_uniform_and_the_intervals_wide() -> None:
    nobody = Answers(np.zeros(0, np.int64), np.zeros((0, 5)))

    assert estimate(nobody) == pytest.approx([0.2] * 5)
    low, high = interval(replicates(nobody, CALIBRATED, np.random.default_rng(0)))
    assert (low < 0.02).all()
    assert (high > 0.5).all()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=5, max_size=5).filter(any), st.integers(0, 99))
def test_replicates_are_compositions_of_these_faces(counts: list[int], seed: int) -> None:
    asked = answers(faces(np.random.default_rng(seed), counts))

    drawn = replicates(asked, load_reference(), np.random.default_rng(0), 20)

    assert drawn.shape == (20, 5)
    assert drawn.min() >= 0
    assert np.allclose(drawn.sum(axis=1), 1)


def test_combined_answers_give_nearly_the_same_shares() -> None:
    probabilities = faces(np.random.default_rng(0), [400, 300, 200, 90, 10])
    tally = Tally()
    for each in probabilities:
        tally.add(Record("", faces=1, probabilities=tuple(each)))

    together = tally.as_answers()
    assert together.faces == 1000
    assert np.abs(estimate(together) - estimate(answers(probabilities))).max() < 0.005


def test_tallies_add_up_for_any_division_and_survive_json() -> None:
    probabilities = faces(np.random.default_rng(0), [20, 20, 20, 20, 20])
    records = [
        Record(f"{i}", "", None, 90, 60, 2, 40, tuple(p)) for i, p in enumerate(probabilities)
    ]
    records += [Record("n", "", "no_face", 10, 10), Record("bad", "", "corrupt_image")]
    whole = Tally()
    parts = [Tally(), Tally()]
    for place, record in enumerate(records):
        whole.add(record)
        parts[place % 2].add(record)

    merged = Tally()
    for part in parts:
        merged.merge(Tally.from_json(json.loads(json.dumps(part.to_json()))))

    assert merged.judged == whole.judged == 100
    assert merged.pictures == 102
    assert merged.bad == [("bad", "corrupt_image")]
    assert merged.counted == whole.counted
    assert (merged.faces, merged.shorter_side) == (whole.faces, whole.shorter_side)
    assert estimate(merged.as_answers()) == pytest.approx(estimate(whole.as_answers()), abs=1e-4)


def test_the_reference_belongs_to_the_served_model() -> None:
    reference = load_reference()

    assert reference.model == load_classifier().version
    assert set(reference.shifts) == {"utkface", "fairface"}
    assert all(each.shape == (200, 1 + len(LABELS)) for each in reference.shifts.values())
    assert 0 < reference.departure < 0.1
