"""The five labels."""

LABELS = ("White", "Black", "Asian", "Indian", "Others")
"""UTKFace's classes, in the order of its files' third field and of every array in this package."""
