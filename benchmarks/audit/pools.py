"""The pictures that sets are drawn from, and the references that they are audited with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethnicity.audit.prevalence import Answers, Reference
from ethnicity.audit.records import Record
from ethnicity.audit.tally import Tally
from ethnicity.classifier import load_classifier
from ethnicity.labels import LABELS
from training import options, selections
from training.metrics import Floats, Indices
from training.selections import SELECTIONS, Pictures

REPLICATES = 300
"""Number of replicates; fewer than an audit's, but enough for coverage."""


@dataclass(frozen=True)
class Pool:
    """Test or validation pictures of one set: probabilities, shape (n, 5), and attributes."""

    probabilities: Floats
    pictures: Pictures

    @property
    def label(self) -> Indices:
        """Shape (n,)."""
        return self.pictures.label

    def draw(self, rng: np.random.Generator, counts: NDArray[np.int64]) -> Indices:
        """Random rows with the given number of pictures of each label, with replacement."""
        own = [np.flatnonzero(self.label == index) for index in range(len(LABELS))]
        return np.concatenate(
            [rng.choice(rows, count) for rows, count in zip(own, counts, strict=True)]
        )


def pools(split: str) -> dict[str, Pool]:
    """The pools of a split, by set."""
    calibrations = load_classifier().calibrations
    loaded = selections.load(options.ROOT / SELECTIONS, split)
    return {name: Pool(each.probabilities(calibrations), each) for name, each in loaded.items()}


def answers_to(probabilities: Floats) -> Answers:
    """Tally the pictures as a real audit does."""
    tally = Tally()
    for each in probabilities:
        tally.add(Record("", faces=1, probabilities=tuple(each)))
    return tally.as_answers()


def counted(probabilities: Floats) -> Floats:
    """The shares of the most probable labels."""
    guesses = probabilities.argmax(axis=1)
    return np.bincount(guesses, minlength=len(LABELS)) / max(len(guesses), 1)


def without_departures(reference: Reference) -> Reference:
    """The reference without departures, as if sets differed only in their calibration."""
    return Reference(reference.shifts, reference.model)


def percent(value: float, decimals: int = 1) -> str:
    """A share in the form of the tables."""
    return f"{100 * value:.{decimals}f}"


def percents(values: Sequence[float] | Floats, decimals: int = 1) -> list[str]:
    """Shares in the form of the tables."""
    return [percent(float(each), decimals) for each in values]
