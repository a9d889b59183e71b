"""Speed, memory and cost of the service, compared with its alternatives; `make bench`."""
