"""Rates of an outcome for each label, estimated without knowing any face's label.

Counting outcomes by predicted label hides differences, because each predicted label is a mixture
(Chen, Kallus, Mao, Svacha and Udell 2019). Instead, expectation maximisation estimates the label
shares among the faces with the outcome and among those without, and Bayes' rule gives the rates.
The two estimates are independent, so together they maximise the likelihood of answers and outcomes.

The method assumes that within a label the outcome does not depend on how a face looks to the
classifier.
"""

from dataclasses import dataclass

import numpy as np

from ethnicity.audit.prevalence import (
    REPLICATES,
    Answers,
    Floats,
    Reference,
    draw_calibrations,
    estimate,
    faces_by_label,
)

_PRIOR = 0.5
"""Faces added to each label's, with the outcome and without (Jeffreys' prior)."""


@dataclass(frozen=True)
class Rates:
    """The rate of an outcome for the faces of each label.

    ``value``: shape (5,), 0 to 1. ``faces``: shape (5,), estimated number of the label's faces.
    ``draws``, ``drawn_faces``: shape (replicates, 5), draws of both. The rates describe the system
    that made the outcomes, with these pictures as a sample.
    """

    value: Floats
    faces: Floats
    draws: Floats
    drawn_faces: Floats


def outcome_rates(
    with_outcome: Answers,
    without: Answers,
    reference: Reference,
    rng: np.random.Generator,
    number: int = REPLICATES,
) -> Rates:
    """Estimate the rates; each replicate has one calibration for both strata."""
    strata = (with_outcome, without)
    total = sum(each.faces for each in strata)
    found, absent = (estimate(each) * each.faces for each in strata)
    calibrations = draw_calibrations(reference, rng, number)
    # One more face of each label, split like the strata: a label without faces has the mean rate
    drawn, undrawn = (
        faces_by_label(each, calibrations, rng, pseudo_faces=each.faces / max(total, 1))
        for each in strata
    )
    return Rates(
        value=found / np.maximum(found + absent, 1e-9),
        faces=found + absent,
        draws=rng.beta(drawn + _PRIOR, undrawn + _PRIOR),
        drawn_faces=drawn + undrawn,
    )
