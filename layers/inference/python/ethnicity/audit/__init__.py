"""The audit: the composition of a set of face pictures, with intervals, as two reports."""
