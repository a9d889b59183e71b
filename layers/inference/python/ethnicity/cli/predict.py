"""Pictures in, one line for each on stdout, what went wrong on stderr."""

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
    help="The largest face of each picture, or all, largest first.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: an object for each picture.")
def predict(paths: tuple[str, ...], faces: str, *, as_json: bool) -> None:
    """Say which label each face's appearance resembles.

    PICTURE is a JPEG, PNG or WebP file of up to 25 MB, a folder, searched with all that is below it
    for files named like pictures, or - for standard input. Nothing leaves this machine, nothing is
    kept.

    \b
    Columns
      APPEARS                the most probable of White, Black, Asian, Indian, Others
      PROB.                  its probability, for equally common labels
      CANNOT BE RULED OUT    all labels that remain; more than one: not sure
      FACE                   left,top width×height in pixels

    With --json, each line is {"file": ...} and what POST /predict answers, or its error. Lines come
    as soon as they are known.

    \b
    Examples
      ethnicity predict your_face.jpg
      ethnicity predict --faces all party.jpg
      ethnicity predict --json photos > answers.jsonl
      curl -s https://example.com/face.jpg | ethnicity predict -

    \b
    Exit status
      0  every picture was classified
      1  some could not be: stderr says which and why
      2  invalid usage
      130  interrupted
    """
    with silenced():
        failed = _predict(paths, faces, as_json=as_json)
    sys.exit(1 if failed else 0)


def _predict(paths: tuple[str, ...], faces: str, *, as_json: bool) -> int:
    """Classify the pictures and write the answers; how many failed."""
    pictures = [picture for path in paths for picture in _expand(path)]
    width = min(_MAX_NAME, max((cells(printable(name)) for name, _ in pictures), default=0))
    try:
        models = load_models()
    except ModelFileError as error:
        raise click.ClickException(str(error)) from error
    failed = 0
    if not as_json:
        _say(_ROW.format(fit("FILE", width), "APPEARS", "PROB.", "CANNOT BE RULED OUT", "FACE"))
    # On a terminal only: tqdm keeps the bar below what is written beside it
    bar = tqdm(pictures, unit=" pictures", leave=False, disable=None if len(pictures) > 1 else True)
    for name, fault in bar:
        answer = {"error": fault, "code": "unreadable"} if fault else _answer(models, name, faces)
        if "error" in answer:
            failed += 1
            tqdm.write(f"{printable(name)}: {answer['error']}", file=sys.stderr)
        if as_json:
            _say(json.dumps({"file": name, **answer}))
        elif "error" not in answer:
            for face in answer.get("faces", [answer]):
                _say(_row(name, face, width))
    if not as_json:
        tqdm.write(answers.NOTICE, file=sys.stderr)
    return failed


def _expand(path: str) -> Iterator[tuple[str, str]]:
    """The pictures that a path stands for, each with what is wrong with it, empty if nothing."""
    if path == STDIN or not Path(path).is_dir():
        yield path, ""
        return
    found = [str(Path(path, name)) for name in walk(Path(path), SUFFIXES)]
    yield from ((each, "") for each in found)
    if not found:
        yield path, f"There is no picture in this folder ({', '.join(SUFFIXES)})"


def _answer(models: Models, name: str, faces: str) -> dict[str, Any]:
    """What the service would answer, or its error."""
    try:
        picture = sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else Path(name)
        classification = classify(models, picture, all_faces=faces == "all", jpeg_only=False)
    except PictureError as fault:
        return answers.error(fault)
    except OSError as fault:
        return {"error": f"It cannot be read: {fault.strerror}", "code": "unreadable"}
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


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()
