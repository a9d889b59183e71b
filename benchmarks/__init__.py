"""Measurements with committed results; none of it is needed to run or test the service."""
