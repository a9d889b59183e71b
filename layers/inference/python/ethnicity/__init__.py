"""Apparent ethnicity from face photos: bytes in, calibrated probabilities out, nothing on disk."""

LABELS = ("White", "Black", "Asian", "Indian", "Others")
"""UTKFace's five classes, in the order of its files' third field and of every array here."""
