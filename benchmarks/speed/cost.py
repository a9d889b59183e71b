"""The price of a million predictions: AWS's list prices for us-east-1, without its free tier."""

import math
from collections.abc import Sequence

X86_GB_SECOND = 0.0000166667
ARM_GB_SECOND = 0.0000133334
REQUEST = 0.20e-6

WHOLE_CPU = 1769
"""MB of memory that come with one whole vCPU."""


def of_a_million(seconds: Sequence[float], megabytes: int, gb_second: float) -> float:
    """US$ that Lambda alone charges for a million such requests.

    ``seconds``: samples of one request's duration; each is rounded up to a millisecond.
    """
    billed = sum(math.ceil(1000 * each) for each in seconds) / len(seconds) / 1000
    return 1e6 * (REQUEST + billed * megabytes / 1024 * gb_second)
