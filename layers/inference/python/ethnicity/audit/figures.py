"""Numbers of the reports: rounded, with intervals, withheld for too few faces."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ethnicity.audit.prevalence import Floats, interval

FEW = 100
"""Faces below which no verdict is given."""

FEWEST = 10
"""Faces below which labels are withheld, because figures would be close to a person's result."""

NORMAL = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""

_DECIMALS = 4


def rounded(value: float | Floats) -> float:
    """Round to four decimals."""
    return round(float(value), _DECIMALS)


def ends(value: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of replicates (first axis), widened to include the value itself."""
    low, high = interval(draws)
    return np.minimum(low, value), np.maximum(high, value)


def figure(value: float | Floats, low: float | Floats, high: float | Floats) -> dict[str, Any]:
    """A number with its 95 % interval, in the form of the reports' JSON."""
    return {"value": rounded(value), "interval_95": [rounded(low), rounded(high)]}


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share of pictures with Wilson's interval (Brown, Cai and DasGupta 2001)."""
    squared = NORMAL**2
    middle = (part + squared / 2) / (whole + squared)
    half = NORMAL / (whole + squared) * np.sqrt(part * (whole - part) / whole + squared / 4)
    return figure(part / whole, max(middle - half, 0.0), min(middle + half, 1.0))


def withheld(faces: Mapping[str, int]) -> set[str]:
    """The groups whose labels are not reported on their own, from each group's number of faces.

    These are the groups with too few faces. If they have too few faces together, their numbers
    could be worked out from the total, so the next larger groups are withheld as well.
    """
    kept, total = set(), 0
    for name, count in sorted(faces.items(), key=lambda item: item[1]):
        if count >= FEWEST and (total == 0 or total >= FEWEST):
            break
        kept.add(name)
        total += count
    return kept
