"""What a picture may measure."""

MAX_BYTES = 25_000_000
"""The largest file that is decoded."""

MAX_PIXELS = 50_000_000
"""The largest picture that is decoded, width times height."""

MAX_PROFILE_BYTES = 1_000_000
"""The largest colour profile that is read: hundreds of times what curves and a matrix need. Larger
ones hold tables."""
