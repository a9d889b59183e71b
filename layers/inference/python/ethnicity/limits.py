"""Limits on a picture's size."""

MAX_BYTES = 25_000_000
"""The largest file that is decoded, in bytes."""

MAX_PIXELS = 50_000_000
"""The largest picture that is decoded, width times height in pixels."""

MAX_PROFILE_BYTES = 1_000_000
"""The largest colour profile that is read, hundreds of times the size of curves and a matrix.
Larger profiles contain tables."""
