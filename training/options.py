"""What the commands of this package ask alike."""

from pathlib import Path

import click

ROOT = Path(__file__).parents[1]

data = click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))

work = click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".training",
    help="Where prepared pictures and checkpoints are kept.",
)

out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT,
    help="Where the results go, laid out as in the repository.",
)
