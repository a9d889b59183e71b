"""The largest difference between groups, with an interval that allows for choosing the largest.

The largest of several differences is too large on average, because noise helps to make it the
largest, and the interval of that one difference alone would too often exclude the truth.
"""

from dataclasses import dataclass

import numpy as np

from ethnicity.audit.figures import NORMAL
from ethnicity.audit.prevalence import Floats


@dataclass(frozen=True)
class Differences:
    """How a figure differs between groups.

    ``higher``, ``lower``: the groups with the highest and the lowest value, ``largest`` their
    difference. ``low``, ``high``: the 95 % interval of the largest true difference, whichever
    groups it is between. ``sure``: pairs (higher, lower) that differ, all pairs considered at once.
    """

    higher: int
    lower: int
    largest: float
    low: float
    high: float
    sure: tuple[tuple[int, int], ...]


def differences(value: Floats, draws: Floats) -> Differences:
    """Compare at least two groups, from values, shape (n,), and replicates, shape (number, n).

    The lower end is the largest amount by which some pair differs when all pairs are considered at
    once: lower ends of simultaneous 97.5 % bounds (max-t, Romano and Wolf 2005). The upper end
    is simpler: the true largest difference is that of one pair, whose own bound is at most
    the largest of all pairs' bounds.
    """
    first, second = np.nonzero(~np.eye(len(value), dtype=bool))
    apart = draws[:, first] - draws[:, second]
    low, centre, high = np.quantile(apart, (0.025, 0.5, 0.975), axis=0)
    scale = np.maximum((centre - low) / NORMAL, 1e-9)
    all_at_once = np.quantile(((centre - apart) / scale).max(axis=1), 0.975)
    surely = centre - all_at_once * scale
    largest = value[first] - value[second]
    at = int(largest.argmax())
    return Differences(
        higher=int(first[at]),
        lower=int(second[at]),
        largest=float(largest[at]),
        low=max(float(surely.max()), 0.0),
        high=float(max(high.max(), largest[at])),
        sure=tuple(
            (int(first[pair]), int(second[pair]))
            for pair in np.argsort(-surely, kind="stable")
            if surely[pair] > 0
        ),
    )
