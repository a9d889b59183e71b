"""Last step of the audit on AWS: makes two reports from all workers' tallies."""
