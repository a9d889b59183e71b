"""Numbers as reports give them: rounded, with intervals, withheld where they are of too few."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ethnicity.audit.prevalence import Floats, interval

FEW = 100
"""Faces below which no verdict is given."""

FEWEST = 10
"""Faces below which nothing is said of their labels: it would be near to a person's own result."""

NORMAL = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""

_DECIMALS = 4


def rounded(value: float | Floats) -> float:
    """To four digits after the point."""
    return round(float(value), _DECIMALS)


def ends(value: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of replicates (first axis), widened to hold the value itself."""
    low, high = interval(draws)
    return np.minimum(low, value), np.maximum(high, value)


def figure(value: float | Floats, low: float | Floats, high: float | Floats) -> dict[str, Any]:
    """A number with its 95 % interval, as the reports' JSON has it."""
    return {"value": rounded(value), "interval_95": [rounded(low), rounded(high)]}


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share of pictures with Wilson's interval (Brown, Cai and DasGupta 2001)."""
    squared = NORMAL**2
    middle = (part + squared / 2) / (whole + squared)
    half = NORMAL / (whole + squared) * np.sqrt(part * (whole - part) / whole + squared / 4)
    return figure(part / whole, max(middle - half, 0.0), min(middle + half, 1.0))


def kept_back(faces: Mapping[str, int]) -> set[str]:
    """The groups of whose labels nothing is said one by one, given how many faces each has.

    Those with too few faces; and if these are too few together, so that the whole less the others
    would tell, the next larger ones as well.
    """
    kept, total = set(), 0
    for name, count in sorted(faces.items(), key=lambda item: item[1]):
        if count >= FEWEST and (total == 0 or total >= FEWEST):
            break
        kept.add(name)
        total += count
    return kept
