"""From the classifier's answers on a set's faces to the shares of the labels, with intervals.

Counting each face's most probable label is biased: the errors of a large class swamp a small one.
Here the shares are those under which the answers are most likely. The classifier's probabilities
are calibrated for equal class priors, so they are likelihood ratios, and the maximum is found by
expectation maximisation (Saerens, Latinne and Decaestecker 2002; that it is hard to beat if the
probabilities are calibrated: Alexandari, Kundaje and Shrikumar 2020).

It assumes that within a label the set's faces look to the classifier as the reference sets' do
(label shift). They never do quite. How far estimates miss on parts of the reference sets, chosen by
age, light, source and more, is measured, and is part of the intervals.
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
"""Of expectation maximisation; a replicate starts where the estimate ended."""

_TINY = 1e-12

_RARE = 0.005
"""A share that is smaller departs as if it were this."""

_CHUNK = 50
"""Replicates that are worked on at once: their arrays fit the processor's cache."""

_LEAST = 1e-9
"""Smaller probabilities are raised to this, because their logarithm is needed."""

Floats = NDArray[np.float64]
Shares = NDArray[np.float64]
"""Shape (5,) or (replicates, 5), in the order of LABELS, summing to 1 along the last axis."""


@dataclass(frozen=True)
class Answers:
    """The classifier's answers on faces, those that are much alike taken together.

    ``count``: shape (n,): how many faces. ``probabilities``: shape (n, 5): their mean.
    """

    count: NDArray[np.int64]
    probabilities: Floats

    @property
    def faces(self) -> int:
        """How many faces there are in all."""
        return int(self.count.sum())


@dataclass(frozen=True)
class Reference:
    """How far the classifier's calibration is off on the reference sets and on parts of them.

    ``shifts``: for each set shape (resamples, 6): its validation pictures, resampled, were fitted
    by softmax(exp(s)·log p + b); s first, then b. Zero where the served calibration fits.
    ``departure``: how far estimates miss on sets that were chosen by something other than the
    label, beyond chance: a share p by a variance of departure·p(1 - p), as if the labels of no
    more than 1/departure faces were known.
    """

    shifts: dict[str, Floats]
    model: str
    departure: float = 0.0

    def only(self, name: str) -> "Reference":
        """As if that set were the only one."""
        return replace(self, shifts={name: self.shifts[name]})


@dataclass(frozen=True)
class Calibrations:
    """What the classifier's calibration on a set may be, drawn once for each replicate.

    ``shifts``: shape (replicates, 6), as in `Reference`. ``departures``: shape (replicates, 5),
    normal with the variance of `Reference`: of the logarithm of a label's share, times the root of
    the share.
    """

    shifts: Floats
    departures: Floats


def load_reference(folder: Path = MODELS) -> Reference:
    """Load what `training.reference` found out.

    Raises:
        ModelFileError: the file is missing or is not the one that was released.
    """
    about = json.loads(read_model_file(REFERENCE_FILE, folder))
    shifts = {name: np.array(each["shifts"]) for name, each in about["sets"].items()}
    return Reference(shifts, about["model"], about["departure"])


def draw_calibrations(
    reference: Reference, rng: np.random.Generator, number: int = REPLICATES
) -> Calibrations:
    """A calibration for each replicate: between those of the sets, resampled, with departures."""
    sets = list(reference.shifts.values())
    weights = rng.dirichlet(np.ones(len(sets)), number)
    drawn = np.stack([each[rng.integers(len(each), size=number)] for each in sets], axis=1)
    shifts = (weights[..., np.newaxis] * drawn).sum(axis=1)
    departures = np.sqrt(reference.departure) * rng.standard_normal((number, len(LABELS)))
    return Calibrations(shifts, departures)


def estimate(answers: Answers) -> Shares:
    """The most likely shares. Uniform if there is no face."""
    equal = np.full(len(LABELS), 1 / len(LABELS))
    count = answers.count.astype(np.float64)
    return _maximise(count, answers.probabilities, equal, _CYCLES) if answers.faces else equal


def replicates(
    answers: Answers, reference: Reference, rng: np.random.Generator, number: int = REPLICATES
) -> Shares:
    """What the shares of this very set may be, shape (number, 5); quantiles of it are intervals."""
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
    """How many of these very faces may be of each label, shape (replicates, 5).

    A bootstrap over all that is not known. The faces are resampled, with ``pseudo_faces`` more of
    each label at a random weight (the Bayesian bootstrap, Muliere and Secchi 1996), since a label
    of which no face was seen need not be absent; the shares are found again under the replicate's
    calibration; each face gets a label with its probability under these shares (multiple
    imputation, Rubin 1987), because the labels of these faces are asked for, not those of a
    population from which they were drawn; and the labels' shares depart as the replicate says.
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
        departures = calibrations.departures[part] / np.sqrt(np.maximum(shares, _RARE))
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
    """Raise the likelihood of the mixture; leading axes are separate problems.

    Each cycle takes two steps of expectation maximisation, goes on in their direction and takes a
    third (SQUAREM, Varadhan and Roland 2008). ``more``: faces that are known to be of each label.
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
        stride = np.maximum(length / np.maximum(curve, _TINY), 1)
        farther = shares + 2 * stride * change + stride**2 * bend
        inside = (farther > 0).all(axis=-1, keepdims=True) & (curve > _TINY)
        shares = step(np.where(inside, farther, second))
    return shares


def _shifted(probabilities: Floats, shifts: Floats) -> Floats:
    """The probabilities recalibrated by each of the shifts, shape (shifts, n, 5)."""
    logarithms = np.log(np.maximum(probabilities, _LEAST))
    logits = np.exp(shifts[:, np.newaxis, :1]) * logarithms + shifts[:, np.newaxis, 1:]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
