"""How often an outcome comes about for the faces of each label, though no face's label is known.

Counting outcomes by predicted label hides differences, because each predicted label is a mixture
(Chen, Kallus, Mao, Svacha and Udell 2019). Here the shares of the labels are estimated among the
faces with the outcome and among those without, each by expectation maximisation, and Bayes' rule
turns them round. Since neither stratum's estimate depends on the other, both together are the
maximum of the likelihood of answers and outcomes.

It assumes that within a label the outcome does not depend on how the face looks to the classifier.
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
"""Faces with the outcome, and without, that are added to a label's (Jeffreys)."""


@dataclass(frozen=True)
class Rates:
    """The rate of an outcome for the faces of each label.

    ``value``: shape (5,), 0 to 1. ``faces``: shape (5,): how many faces are of the label.
    ``draws``, ``drawn_faces``: shape (replicates, 5): what both may be. The rates are those of the
    process that made the outcomes, of which these pictures are a sample.
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
    # A face more of each label, divided as the strata are: a label without faces has the mean rate
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
