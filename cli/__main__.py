"""``python -m cli``: the same, from a checkout."""

from cli.main import ethnicity

ethnicity(prog_name="ethnicity")
