"""What the functions share beside the package ``ethnicity``."""
