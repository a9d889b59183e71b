"""What is measured, each a Lambda handler to be imported in an environment of its own."""
