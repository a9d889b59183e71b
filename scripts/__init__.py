"""What `make` runs besides the service itself."""
