"""What the functions share besides the inference package."""
