"""``python -m ethnicity``: the command."""

from ethnicity.cli.main import ethnicity

if __name__ == "__main__":
    ethnicity(prog_name="ethnicity")
