"""Code shared by the functions, in addition to the package ``ethnicity``."""
