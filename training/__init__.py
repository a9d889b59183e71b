"""Trains, calibrates, exports and evaluates the classifier. Never imported at run time."""
