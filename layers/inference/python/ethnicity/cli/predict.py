"""The command ``ethnicity predict``: one line for each face on stdout, errors on stderr."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from ethnicity import answers
from ethnicity.cli.table import cells, fit, printable
from ethnicity.errors import PictureError
from ethnicity.limits import MAX_BYTES
from ethnicity.model_files import ModelFileError
from ethnicity.native import silenced
from ethnicity.picture_files import SUFFIXES, walk
from ethnicity.pipeline import Models, classify, load_models

STDIN = "-"

_ROW = "{}  {:<9} {:>5}  {:<22} {}"
_MAX_NAME = 40


@click.command()
@click.argument("paths", metavar="PICTURE...", nargs=-1, required=True)
@click.option(
    "--faces",
    type=click.Choice(["largest", "all"]),
    default="largest",
    show_default=True,
    help="The largest face of each picture, or all faces, largest first.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: an object for each picture.")
def predict(paths: tuple[str, ...], faces: str, *, as_json: bool) -> None:
    """Print the label that a model gives each face.

    PICTURE is a JPEG, PNG or WebP file of up to 25 MB, a folder (read with all its subfolders), or
    - for standard input. Nothing leaves this machine, and nothing is stored.

    \b
    Columns
      APPEARS          the most probable of White, Black, Asian, Indian, Others
      PROB.            its probability, for equally common labels
      LIKELY LABELS    all labels above their thresholds; more than one: not sure
      FACE             left,top width×height in pixels

    With --json, each line has "file" and the fields of the answer of POST /predict, or of its
    error. Each line is written as soon as its answer is known.

    \b
    Examples
      ethnicity predict your_face.jpg
      ethnicity predict --faces all party.jpg
      ethnicity predict --json photos > answers.jsonl
      curl -s https://example.com/face.jpg | ethnicity predict -

    \b
    Exit status
      0  every picture was classified
      1  some pictures could not be classified: stderr lists them with the reason
      2  invalid usage
      130  interrupted
    """
    with silenced():
        failed = _predict(paths, faces, as_json=as_json)
    sys.exit(1 if failed else 0)


def _predict(paths: tuple[str, ...], faces: str, *, as_json: bool) -> int:
    """Classify the pictures and write the answers; returns how many failed."""
    pictures = [picture for path in paths for picture in _expand(path)]
    width = min(_MAX_NAME, max((cells(printable(name)) for name, _ in pictures), default=0))
    try:
        models = load_models()
    except ModelFileError as error:
        raise click.ClickException(str(error)) from error
    failed = 0
    if not as_json:
        _print(_ROW.format(fit("FILE", width), "APPEARS", "PROB.", "LIKELY LABELS", "FACE"))
    # A progress bar on terminals only; tqdm.write keeps it below the output
    bar = tqdm(pictures, unit=" pictures", leave=False, disable=None if len(pictures) > 1 else True)
    for name, fault in bar:
        answer = {"error": fault, "code": "unreadable"} if fault else _answer(models, name, faces)
        if "error" in answer:
            failed += 1
            tqdm.write(f"{printable(name)}: {answer['error']}", file=sys.stderr)
        if as_json:
            _print(json.dumps({"file": name, **answer}))
        elif "error" not in answer:
            for face in answer.get("faces", [answer]):
                _print(_row(name, face, width))
    if not as_json:
        tqdm.write(answers.NOTICE, file=sys.stderr)
    return failed


def _expand(path: str) -> Iterator[tuple[str, str]]:
    """The pictures of a path, each with an error message, which is empty if there is none."""
    if path == STDIN or not Path(path).is_dir():
        yield path, ""
        return
    found = [str(Path(path, name)) for name in walk(Path(path), SUFFIXES)]
    yield from ((each, "") for each in found)
    if not found:
        yield path, f"This folder contains no pictures ({', '.join(SUFFIXES)})"


def _answer(models: Models, name: str, faces: str) -> dict[str, Any]:
    """The service's answer for the picture, or its error."""
    try:
        picture = sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else Path(name)
        classification = classify(models, picture, all_faces=faces == "all", jpeg_only=False)
    except PictureError as fault:
        return answers.error(fault)
    except OSError as fault:
        return {"error": f"The file cannot be read: {fault.strerror}", "code": "unreadable"}
    return (answers.all_faces if faces == "all" else answers.largest_face)(classification)


def _row(name: str, face: dict[str, Any], width: int) -> str:
    left, top, wide, high = face["face"]["box"]
    return _ROW.format(
        fit(printable(name), width),
        face["ethnicity"],
        f"{face['confidence']:.0%}",
        ", ".join(face["prediction_set"]),
        f"{left},{top} {wide}×{high}",
    )


def _print(line: str) -> None:
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()
