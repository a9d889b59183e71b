"""Coverage of prediction sets on new pictures."""

import numpy as np
from numpy.typing import NDArray

from ethnicity.classifier import Calibration
from training.calibrate import Scored, fit_calibrations


def scored(rng: np.random.Generator, count: int) -> Scored:
    """``count`` sharp pictures of each class, scored by a moderately accurate network."""
    label = np.repeat(np.arange(5), count)
    logits = rng.normal(size=(len(label), 5))
    logits[np.arange(len(label)), label] += 2
    return Scored(logits, label, np.ones(len(label)))


def none_of(pictures: Scored) -> Scored:
    return pictures.where(np.zeros(len(pictures.label), np.bool_))


def kept(calibration: Calibration, pictures: Scored) -> NDArray[np.bool_]:
    """Whether each picture's own label reaches its threshold."""
    reached = calibration.probabilities(pictures.logits) >= calibration.thresholds
    return reached[np.arange(len(pictures.label)), pictures.label]


def test_sets_cover_nine_in_ten_pictures_for_at_least_four_in_five_samples() -> None:
    rng = np.random.default_rng(0)
    fresh = scored(rng, 4000)
    holds = []
    for _ in range(60):
        validation = scored(rng, 100)
        sharp, *_ = fit_calibrations([validation], [none_of(validation)])
        right = kept(sharp, fresh)
        holds += [right[fresh.label == index].mean() >= 0.9 for index in range(5)]
    assert 0.75 <= np.mean(holds) <= 0.92


def test_only_a_label_with_too_few_pictures_has_no_threshold() -> None:
    for pictures, may_be_ruled_out in ((5, False), (10, True)):
        validation = scored(np.random.default_rng(1), pictures)
        sharp, *_ = fit_calibrations([validation], [none_of(validation)])
        assert ((sharp.thresholds > 0) == may_be_ruled_out).all()


def test_a_threshold_fits_the_set_in_which_the_label_is_harder() -> None:
    rng = np.random.default_rng(2)
    easy, hard = scored(rng, 300), scored(rng, 300)
    hard.logits[np.arange(len(hard.label)), hard.label] -= 1
    sharp, *_ = fit_calibrations([easy, hard], [none_of(easy), none_of(hard)])
    for each in (easy, hard):
        right = kept(sharp, each)
        assert min(right[each.label == index].mean() for index in range(5)) >= 0.9
