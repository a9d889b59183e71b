"""The audit on AWS, its worker: a batch of pictures in, their tallies out."""
