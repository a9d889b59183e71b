"""The largest difference between groups, with an interval that allows for choosing the largest.

The largest of several differences is too large on average, because noise helps to make it the
largest. The interval of that one difference alone would exclude the truth too often.
"""

from dataclasses import dataclass

import numpy as np

from ethnicity.audit.figures import NORMAL
from ethnicity.audit.prevalence import Floats


@dataclass(frozen=True)
class Differences:
    """Differences of a figure between groups.

    ``higher``, ``lower``: the groups with the highest and the lowest value, ``largest`` their
    difference. ``low``, ``high``: the 95 % interval of the largest true difference between any two
    groups. ``sure``: pairs (higher, lower) that differ, with all pairs considered at once.
    """

    higher: int
    lower: int
    largest: float
    low: float
    high: float
    sure: tuple[tuple[int, int], ...]


def differences(value: Floats, draws: Floats) -> Differences:
    """Compare at least two groups, from values, shape (n,), and replicates, shape (number, n).

    The lower end is the largest of the pairs' simultaneous lower 97.5 % bounds (max-t, Romano and
    Wolf 2005). The upper end is the largest of the pairs' own upper bounds, because the largest
    true difference is that of one of the pairs.
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
