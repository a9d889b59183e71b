"""The audit on AWS, its end: all workers' tallies in, two reports out."""
