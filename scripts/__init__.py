"""Commands that `make` runs, in addition to the service itself."""
