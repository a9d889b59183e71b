"""How is a set of face pictures composed, and how sure can one be: pictures in, two reports out."""
