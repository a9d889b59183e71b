"""Shares of the labels in a set, estimated from the classifier's answers, with intervals.

Counting each face's most probable label is biased: the errors of a large class swamp a small one.
This module finds the shares that maximise the likelihood of the answers. The classifier's
probabilities are calibrated for equal class priors, so they are likelihood ratios, and expectation
maximisation finds the maximum (Saerens, Latinne and Decaestecker 2002). With calibrated
probabilities this is hard to beat (Alexandari, Kundaje and Shrikumar 2020).

The method assumes label shift: within a label, the set's faces look to the classifier like those of
the reference sets. This holds only approximately, so the intervals include the errors measured on
parts of the reference sets, selected by age, light, source and more.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ethnicity.labels import LABELS
from ethnicity.model_files import MODELS, read_model_file

REFERENCE_FILE = "reference.json"

REPLICATES = 1000

_CYCLES, _REPLICATE_CYCLES = 60, 8
"""Cycles of expectation maximisation; a replicate starts where the estimate ended."""

_EPSILON = 1e-12

_MIN_SHARE = 0.005
"""Smaller shares depart like a share of this size."""

_CHUNK = 50
"""Replicates computed at once, so that their arrays fit the processor's cache."""

_MIN_PROBABILITY = 1e-9
"""Smaller probabilities are raised to this, because their logarithm is needed."""

Floats = NDArray[np.float64]
Shares = NDArray[np.float64]
"""Shape (5,) or (replicates, 5), in the order of LABELS, summing to 1 along the last axis."""


@dataclass(frozen=True)
class Answers:
    """The classifier's answers on faces, with similar answers combined.

    ``count``: shape (n,), number of faces. ``probabilities``: shape (n, 5), their mean.
    """

    count: NDArray[np.int64]
    probabilities: Floats

    @property
    def faces(self) -> int:
        """Total number of faces."""
        return int(self.count.sum())


@dataclass(frozen=True)
class Reference:
    """Errors of the classifier's calibration on the reference sets and on parts of them.

    ``shifts``: for each set, shape (resamples, 6): s and b of softmax(exp(s)·log p + b), fitted on
    its resampled validation pictures. Zero means that the served calibration fits.
    ``departure``: variance of the estimates' errors, beyond chance, on sets selected by something
    other than the label: departure·p(1 - p) for a share p, as if only the labels of 1/departure
    faces were known.
    """

    shifts: dict[str, Floats]
    model: str
    departure: float = 0.0

    def only(self, name: str) -> "Reference":
        """The same reference with only one of its sets."""
        return replace(self, shifts={name: self.shifts[name]})


@dataclass(frozen=True)
class Calibrations:
    """Possible calibrations of the classifier on a set, one for each replicate.

    ``shifts``: shape (replicates, 6), as in `Reference`. ``departures``: shape (replicates, 5),
    normal with the variance ``Reference.departure``; divided by the root of a label's share, they
    shift the logarithm of the share.
    """

    shifts: Floats
    departures: Floats


def load_reference(folder: Path = MODELS) -> Reference:
    """Load the reference written by `training.reference`.

    Raises:
        ModelFileError: the file is missing or is not the one that was released.
    """
    about = json.loads(read_model_file(REFERENCE_FILE, folder))
    shifts = {name: np.array(each["shifts"]) for name, each in about["sets"].items()}
    return Reference(shifts, about["model"], about["departure"])


def draw_calibrations(
    reference: Reference, rng: np.random.Generator, number: int = REPLICATES
) -> Calibrations:
    """Draw a calibration, between the sets' resampled ones, and departures for each replicate."""
    sets = list(reference.shifts.values())
    weights = rng.dirichlet(np.ones(len(sets)), number)
    drawn = np.stack([each[rng.integers(len(each), size=number)] for each in sets], axis=1)
    shifts = (weights[..., np.newaxis] * drawn).sum(axis=1)
    departures = np.sqrt(reference.departure) * rng.standard_normal((number, len(LABELS)))
    return Calibrations(shifts, departures)


def estimate(answers: Answers) -> Shares:
    """The most likely shares, shape (5,); uniform if there is no face."""
    equal = np.full(len(LABELS), 1 / len(LABELS))
    count = answers.count.astype(np.float64)
    return _maximise(count, answers.probabilities, equal, _CYCLES) if answers.faces else equal


def replicates(
    answers: Answers, reference: Reference, rng: np.random.Generator, number: int = REPLICATES
) -> Shares:
    """Draws of the shares of this set, shape (number, 5); their quantiles are intervals."""
    if not answers.faces:
        return rng.dirichlet(np.ones(len(LABELS)), number)
    calibrations = draw_calibrations(reference, rng, number)
    return faces_by_label(answers, calibrations, rng) / answers.faces


def faces_by_label(
    answers: Answers,
    calibrations: Calibrations,
    rng: np.random.Generator,
    pseudo_faces: float = 1.0,
) -> Floats:
    """Draws of the number of these faces with each label, shape (replicates, 5).

    Each replicate resamples the faces and adds ``pseudo_faces`` of each label at a random weight
    (the Bayesian bootstrap, Muliere and Secchi 1996), because a label without faces in the sample
    may still exist. It estimates the shares again under its calibration. Each face then gets a
    label with its probability under these shares (multiple imputation, Rubin 1987), because the
    result is about these faces and not about a population behind them. Finally the shares are
    shifted by the replicate's departures.
    """
    number = len(calibrations.shifts)
    if not answers.faces:
        return np.zeros((number, len(LABELS)))
    start = np.maximum(estimate(answers), 1e-3)
    start /= start.sum()
    chunks = []
    for first in range(0, number, _CHUNK):
        part = slice(first, first + _CHUNK)
        ratios = _shifted(answers.probabilities, calibrations.shifts[part])
        size = len(ratios)
        resampled = rng.multinomial(answers.faces, answers.count / answers.faces, size)
        more = rng.gamma(pseudo_faces, size=(size, len(LABELS)))
        begin = np.broadcast_to(start, (size, len(LABELS)))
        shares = _maximise(resampled.astype(np.float64), ratios, begin, _REPLICATE_CYCLES, more)
        posterior = ratios * shares[:, np.newaxis]
        posterior /= posterior.sum(axis=-1, keepdims=True)
        labelled = rng.multinomial(answers.count, posterior).sum(axis=1)
        departures = calibrations.departures[part] / np.sqrt(np.maximum(shares, _MIN_SHARE))
        faces = labelled * np.exp(departures)
        chunks.append(faces * (answers.faces / faces.sum(axis=-1, keepdims=True)))
    return np.concatenate(chunks)


def interval(values: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of replicates, along the first axis: lower and upper ends."""
    low, high = np.quantile(values, (0.025, 0.975), axis=0)
    return low, high


def _maximise(
    count: Floats, ratios: Floats, shares: Shares, cycles: int, more: Floats | None = None
) -> Shares:
    """Maximise the likelihood of the mixture; leading axes are separate problems.

    Each cycle takes two steps of expectation maximisation, extrapolates them and takes a third
    (SQUAREM, Varadhan and Roland 2008). ``more``: additional faces known to be of each label.
    """
    more = np.zeros_like(shares) if more is None else more
    total = count.sum(axis=-1, keepdims=True) + more.sum(axis=-1, keepdims=True)

    def step(before: Shares) -> Shares:
        mixed = (ratios @ before[..., np.newaxis])[..., 0]
        weight = (count / mixed)[..., np.newaxis, :]
        return np.asarray((before * (weight @ ratios)[..., 0, :] + more) / total)

    for _ in range(cycles):
        first = step(shares)
        second = step(first)
        change = first - shares
        bend = second - first - change
        length, curve = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (change, bend))
        stride = np.maximum(length / np.maximum(curve, _EPSILON), 1)
        farther = shares + 2 * stride * change + stride**2 * bend
        inside = (farther > 0).all(axis=-1, keepdims=True) & (curve > _EPSILON)
        shares = step(np.where(inside, farther, second))
    return shares


def _shifted(probabilities: Floats, shifts: Floats) -> Floats:
    """The probabilities recalibrated by each of the shifts, shape (shifts, n, 5)."""
    logarithms = np.log(np.maximum(probabilities, _MIN_PROBABILITY))
    logits = np.exp(shifts[:, np.newaxis, :1]) * logarithms + shifts[:, np.newaxis, 1:]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
