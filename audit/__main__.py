"""`python -m audit DIR`."""

from audit.command import audit

if __name__ == "__main__":
    audit(prog_name="audit")
