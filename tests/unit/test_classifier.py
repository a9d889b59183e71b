"""Probabilities and prediction sets of hand-made logits, and the committed calibration."""

import json
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ethnicity.classifier import Calibration, Classifier, calibration_for, detail
from ethnicity.faces import Finder, find_faces
from ethnicity.frame import CHIP
from ethnicity.geometry import Pixels
from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS
from ethnicity.networks import Network, Tensor
from ethnicity.pipeline import Models
from tests.unit.pictures import resized

LN2, LN3 = np.log(2), np.log(3)

logits_of_any_size = arrays(
    np.float32, len(LABELS), elements=st.floats(-(2.0**126), 2.0**126, width=32)
)
five = st.lists(st.floats(0, 1), min_size=5, max_size=5)


@pytest.fixture(scope="module")
def chip(finder: Finder, portrait_pixels: Pixels) -> Pixels:
    """The astronaut's face, aligned."""
    return find_faces(finder, portrait_pixels)[0].chip


def calibration(
    temperature: float = 1.0,
    bias: tuple[float, ...] = (0, 0, 0, 0, 0),
    thresholds: tuple[float, ...] = (0.1, 0.1, 0.1, 0.1, 0.1),
    min_detail: float = 0,
) -> Calibration:
    return Calibration(min_detail, temperature, np.array(bias, float), np.array(thresholds, float))


def logits(*values: float) -> Tensor:
    return np.array(values, np.float32)


# Probabilities


def test_equal_logits_are_equally_probable() -> None:
    assert calibration().probabilities(logits(7, 7, 7, 7, 7)) == pytest.approx([0.2] * 5)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    found = calibration().probabilities(logits(LN2, 0, LN3, 0, 0))
    assert found == pytest.approx(np.array([2, 1, 3, 1, 1]) / 8)


def test_the_temperature_divides_the_logits() -> None:
    found = calibration(temperature=2).probabilities(logits(2 * LN2, 0, 2 * LN3, 0, 0))
    assert found == pytest.approx(np.array([2, 1, 3, 1, 1]) / 8)


def test_the_bias_is_added_after_the_temperature() -> None:
    biased = calibration(temperature=4, bias=(0, LN3, 0, 0, LN2))
    found = biased.probabilities(logits(4 * LN2, 0, 0, 0, 0))
    assert found == pytest.approx(np.array([2, 3, 1, 1, 2]) / 9)


def test_a_batch_is_calibrated_like_single_pictures() -> None:
    rows = np.random.default_rng(1).normal(0, 4, (3, 7, 5)).astype(np.float32)
    each = calibration(temperature=0.7, bias=(1, -1, 0, 0.5, 0))
    together = each.probabilities(rows)
    assert together.shape == rows.shape
    for index in np.ndindex(3, 7):
        assert together[index] == pytest.approx(each.probabilities(rows[index]))


@settings(deadline=None)
@given(logits_of_any_size, st.floats(0.05, 20), five)
def test_probabilities_sum_to_one_for_any_logits(
    values: Tensor, temperature: float, bias: list[float]
) -> None:
    found = calibration(temperature, tuple(bias)).probabilities(values)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert float(found.sum()) == pytest.approx(1, abs=1e-9)


@settings(deadline=None)
@given(arrays(np.float32, 5, elements=st.floats(-50, 50, width=32)), st.floats(-50, 50, width=32))
def test_a_bias_that_all_labels_share_changes_nothing(values: Tensor, constant: float) -> None:
    found = calibration(bias=(constant,) * 5).probabilities(values)
    assert found == pytest.approx(calibration().probabilities(values))


# Prediction sets


def test_labels_at_or_above_their_threshold_are_kept_most_probable_first() -> None:
    by_class = calibration(thresholds=(0.3, 0.1, 0.25, 0.2, 0.05))
    found = by_class.prediction_set(np.array([0.29, 0.1, 0.36, 0.19, 0.06]))
    assert found == ("Asian", "Black", "Others")


def test_the_most_probable_label_is_kept_below_its_threshold() -> None:
    strict = calibration(thresholds=(0.9, 0.9, 0.9, 0.9, 0.9))
    assert strict.prediction_set(np.array([0.2, 0.1, 0.1, 0.5, 0.1])) == ("Indian",)


def test_labels_of_equal_probability_keep_their_usual_order() -> None:
    lenient = calibration(thresholds=(0, 0, 0, 0, 0))
    assert lenient.prediction_set(np.full(5, 0.2)) == LABELS


@settings(deadline=None)
@given(five, five)
def test_a_prediction_set_follows_its_definition(
    values: list[float], thresholds: list[float]
) -> None:
    probabilities = np.array(values)
    found = calibration(thresholds=tuple(thresholds)).prediction_set(probabilities)
    by_label = dict(zip(LABELS, values, strict=True))
    assert by_label[found[0]] == max(values)
    assert sorted(found, key=lambda label: -by_label[label]) == list(found)
    assert len(set(found)) == len(found)
    kept = {
        label
        for label, value, threshold in zip(LABELS, values, thresholds, strict=True)
        if value >= threshold
    }
    assert set(found) == kept | {found[0]}


# The classifier


def test_the_network_gets_the_pixels_unchanged_and_mirrored() -> None:
    # GIVEN a network that gives the two images logits with a known mean
    seen: list[Pixels] = []
    given = [logits(2 * LN2, 0, LN3, 0, 1), logits(0, 0, LN3, 0, -1)]

    def run(image: Pixels) -> dict[str, Tensor]:
        seen.append(image)
        return {"logits": given[len(seen) - 1]}

    chip = np.random.default_rng(5).integers(0, 256, (CHIP, CHIP, 3), np.uint8)
    classifier = Classifier(cast("Network", run), (calibration(),), "test")
    assert classifier.judge(chip).probabilities == pytest.approx(np.array([2, 1, 3, 1, 1]) / 8)
    assert np.array_equal(seen[0], chip)
    assert np.array_equal(seen[1], chip[:, ::-1])


def test_a_mirrored_picture_gets_the_same_answer(models: Models, chip: Pixels) -> None:
    found = models.classifier.judge(chip)
    mirrored = models.classifier.judge(np.ascontiguousarray(chip[:, ::-1]))
    assert mirrored.probabilities == pytest.approx(found.probabilities, abs=1e-6)
    assert mirrored.prediction_set == found.prediction_set


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_the_committed_classifier_gives_probabilities_for_any_chip(
    models: Models, grey: int
) -> None:
    chip = np.full((CHIP, CHIP, 3), grey, np.uint8)
    found = models.classifier.judge(chip).probabilities
    assert found.shape == (len(LABELS),)
    assert found.dtype == np.float64
    assert (found >= 0).all()
    assert float(found.sum()) == pytest.approx(1, abs=1e-9)
    assert np.array_equal(models.classifier.judge(chip).probabilities, found)


def test_the_committed_calibrations_have_every_label(models: Models) -> None:
    about = json.loads((MODELS / "classifier.json").read_text())
    assert (MODELS / about["network"]).is_file()
    for loaded, committed in zip(
        models.classifier.calibrations, about["calibrations"], strict=True
    ):
        assert list(committed["bias"]) == list(LABELS)
        assert list(committed["thresholds"]) == list(LABELS)
        assert loaded.temperature == committed["temperature"] > 0
        assert loaded.bias.tolist() == [committed["bias"][label] for label in LABELS]
        assert loaded.thresholds.tolist() == [committed["thresholds"][label] for label in LABELS]
        assert np.isfinite(loaded.bias).all()
        assert ((loaded.thresholds > 0) & (loaded.thresholds < 1)).all()


def test_every_face_has_a_committed_calibration(models: Models) -> None:
    least = [each.min_detail for each in models.classifier.calibrations]
    assert least == sorted(least, reverse=True)
    assert least[-1] == 0


# Small and blurred faces


def test_a_sharp_face_has_more_detail_than_a_blurred_one(chip: Pixels) -> None:
    amounts = [
        detail(cv2.GaussianBlur(chip, (0, 0), sigma).astype(np.uint8)) for sigma in (0.5, 1, 2, 4)
    ]
    assert detail(chip) > amounts[0]
    assert amounts == sorted(amounts, reverse=True)


def test_an_enlarged_face_has_less_detail_the_smaller_it_was(chip: Pixels) -> None:
    amounts = [detail(resized(resized(chip, side, side), CHIP, CHIP)) for side in (48, 24, 12, 6)]
    assert amounts == sorted(amounts, reverse=True)


def test_detail_does_not_depend_on_the_light(chip: Pixels) -> None:
    assert detail(chip // 2) == pytest.approx(detail(chip), rel=0.05)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_has_no_detail(grey: int) -> None:
    assert detail(np.full((CHIP, CHIP, 3), grey, np.uint8)) == 0


def test_each_face_is_judged_by_the_calibration_for_its_detail() -> None:
    steps = tuple(calibration(min_detail=least) for least in (0.2, 0.1, 0))
    for amount, index in ((0.5, 0), (0.2, 0), (0.19, 1), (0.1, 1), (0.09, 2), (0, 2)):
        assert calibration_for(amount, steps) is steps[index]


def test_a_face_too_small_to_judge_leaves_most_labels_open(models: Models, chip: Pixels) -> None:
    sharp = models.classifier.judge(chip)
    small = models.classifier.judge(resized(resized(chip, 7, 7), CHIP, CHIP))
    assert len(small.prediction_set) >= 3
    assert small.probabilities.max() < 0.6 < sharp.probabilities.max()
    # AND the thresholds come from the calibration for faces with the least detail
    assert np.array_equal(sharp.thresholds, models.classifier.calibrations[0].thresholds)
    assert np.array_equal(small.thresholds, models.classifier.calibrations[-1].thresholds)


def test_the_committed_classifier_has_a_version(models: Models) -> None:
    assert models.classifier.version == models.classifier.version.strip() != ""
