"""The Lambda handlers that are measured, each imported in its candidate's environment."""
