"""Speed, memory and cost of the service beside its alternatives; `make bench`."""
