"""Measurements for changing the finder, on pictures that no reported figure uses.

    python -m benchmarks.choosing DATA STRANGERS

prints the tables of harder faces, made of validation pictures, and of strangers' photographs of the
half ``choosing``. DATA and STRANGERS are those of benchmarks.photos, which reports the other half.
"""

from pathlib import Path

import click

from benchmarks import strangers_answers
from benchmarks.photos import PACKAGED, faceless_photographs, harder_faces
from ethnicity.pipeline import load_models
from training.data import load_sets


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("strangers", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), default=Path(".training"))
@click.option("--count", default=250, show_default=True, help="Faces of each set in each cell.")
def main(data: Path, strangers: Path, work: Path, count: int) -> None:
    models = load_models()
    vals = [each.part("val") for each in load_sets(data, work / "prepared")]
    print(*strangers_answers.tables(models, strangers, ["choosing"]), sep="\n")
    print(harder_faces(models, vals, faceless_photographs(PACKAGED), count))


if __name__ == "__main__":
    main()
