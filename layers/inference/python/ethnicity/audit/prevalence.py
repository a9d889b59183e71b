"""From the classifier's answers on a set's faces to the shares of the labels, with intervals.

Counting each face's most probable label is biased: the errors of a large class swamp a small one.
Here the shares are those under which the answers are most likely. The classifier's probabilities
are calibrated for equal class priors, so they are likelihood ratios, and the maximum is found by
expectation maximisation (Saerens, Latinne and Decaestecker 2002; that it is hard to beat if the
probabilities are calibrated: Alexandari, Kundaje and Shrikumar 2020).

It assumes that within a label the set's faces look to the classifier as the reference sets' do
(label shift). They never do quite: each reference set has a calibration of its own. What that may
do to a set which is neither is part of the intervals.
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

_ITERATIONS, _REPLICATE_ITERATIONS = 400, 100
"""Of expectation maximisation; a replicate starts where the estimate ended."""

_LEAST = 1e-9
"""Probabilities below are taken for it: their logarithm is needed."""

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
    """How far the classifier's calibration is off on each reference set, and how surely known.

    ``shifts``: for each set shape (resamples, 6): its validation pictures, resampled, were fitted
    by softmax(exp(s)·log p + b); s first, then b. Zero where the served calibration fits.
    ``beyond``: how much farther than they are apart another set may lie, half of it on each side.
    """

    shifts: dict[str, Floats]
    model: str
    beyond: float = 0.5

    def only(self, name: str) -> "Reference":
        """As if that set were the only one."""
        return replace(self, shifts={name: self.shifts[name]})


def load_reference(folder: Path = MODELS) -> Reference:
    """Load what `training.reference` found out.

    Raises:
        ModelFileError: the file is missing or is not the one that was released.
    """
    about = json.loads(read_model_file(REFERENCE_FILE, folder))
    shifts = {name: np.array(each["shifts"]) for name, each in about["sets"].items()}
    return Reference(shifts, about["model"])


def estimate(answers: Answers) -> Shares:
    """The most likely shares. Uniform if there is no face."""
    equal = np.full(len(LABELS), 1 / len(LABELS))
    count = answers.count.astype(np.float64)
    return _maximise(count, answers.probabilities, equal, _ITERATIONS) if answers.faces else equal


def replicates(
    answers: Answers, reference: Reference, rng: np.random.Generator, number: int = REPLICATES
) -> Shares:
    """What the shares of this very set may be, shape (number, 5); quantiles of it are intervals.

    A bootstrap over all that is not known: the set's calibration lies somewhere between those of
    the reference sets or a little beyond; those are known only from resampled validation pictures;
    the set's faces are resampled too, with one face more of each label, of
    random weight (the Bayesian bootstrap, Muliere and Secchi 1996), since a label of which no face
    was seen need not be absent. Last, each face gets a label with its probability under the
    replicate's shares (multiple imputation, Rubin 1987): the labels of these faces are asked for,
    not those of a population from which they were drawn.
    """
    total = answers.faces
    if not total:
        return rng.dirichlet(np.ones(len(LABELS)), number)
    start = np.maximum(estimate(answers), 1e-3)
    ratios = _shifted(answers.probabilities, _draw_shifts(reference, rng, number))
    resampled = rng.multinomial(total, answers.count / total, number).astype(np.float64)
    more = rng.exponential(size=(number, len(LABELS)))
    begin = np.broadcast_to(start / start.sum(), (number, len(LABELS)))
    shares = _maximise(resampled, ratios, begin, _REPLICATE_ITERATIONS, more)
    posterior = ratios * shares[:, np.newaxis]
    posterior /= posterior.sum(axis=-1, keepdims=True)
    labelled = rng.multinomial(answers.count, posterior).sum(axis=1)
    return np.asarray(labelled / total)


def interval(values: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of replicates, along the first axis: lower and upper ends."""
    low, high = np.quantile(values, (0.025, 0.975), axis=0)
    return low, high


def _maximise(
    count: Floats, ratios: Floats, shares: Shares, iterations: int, more: Floats | None = None
) -> Shares:
    """Raise the likelihood of the mixture, step by step; leading axes are separate problems.

    ``more``: faces that are known to be of each label.
    """
    more = np.zeros_like(shares) if more is None else more
    total = count.sum(axis=-1, keepdims=True) + more.sum(axis=-1, keepdims=True)
    for _ in range(iterations):
        mixed = (ratios @ shares[..., np.newaxis])[..., 0]
        weight = (count / mixed)[..., np.newaxis, :]
        shares = (shares * (weight @ ratios)[..., 0, :] + more) / total
    return shares


def _draw_shifts(reference: Reference, rng: np.random.Generator, number: int) -> Floats:
    """A shift for each replicate, on the line through the sets' resampled ones: (number, 6)."""
    sets = list(reference.shifts.values())
    weights = rng.dirichlet(np.ones(len(sets)), number)
    weights += reference.beyond * (weights - 1 / len(sets))
    drawn = np.stack([each[rng.integers(len(each), size=number)] for each in sets], axis=1)
    return np.asarray((weights[..., np.newaxis] * drawn).sum(axis=1))


def _shifted(probabilities: Floats, shifts: Floats) -> Floats:
    """The probabilities recalibrated by each of the shifts, shape (shifts, n, 5)."""
    logarithms = np.log(np.maximum(probabilities, _LEAST))
    logits = np.exp(shifts[:, np.newaxis, :1]) * logarithms + shifts[:, np.newaxis, 1:]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
