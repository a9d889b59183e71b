"""The S3 variant: notifications of uploaded pictures in, result objects out."""
