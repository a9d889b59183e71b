"""Measurements with committed results; not needed to run or test the service."""
