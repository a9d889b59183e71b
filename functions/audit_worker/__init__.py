"""Worker of the audit on AWS: makes tallies from a batch of pictures."""
