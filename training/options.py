"""Arguments and options that several commands share."""

from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".training"

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

data = click.argument("data", type=_FOLDER)

optional_data = click.argument("data", type=_FOLDER, required=False)

work = click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=WORK,
    help="Where prepared pictures and checkpoints are kept.",
)

out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT,
    help="Where the results go, laid out as in the repository.",
)
