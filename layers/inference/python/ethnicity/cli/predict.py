"""Pictures in, one line for each on stdout, what went wrong on stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from ethnicity import answers
from ethnicity.errors import PictureError
from ethnicity.limits import MAX_BYTES
from ethnicity.model_files import ModelFileError
from ethnicity.pipeline import Models, classify, load_models

SUFFIXES = (".jpg", ".jpeg")

STDIN = "-"

_ROW = "{:<{width}}  {:<9} {:>5}  {:<22} {}"


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

    PICTURE is a JPEG of up to 25 MB, a folder, searched for .jpg and .jpeg with all that is below
    it, or - for standard input. Nothing leaves this machine, nothing is kept.

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
      2  the command was misspelled
    """
    pictures = [picture for path in paths for picture in _expand(path)]
    width = min(40, max((len(_printable(str(name))) for name, _ in pictures), default=0))
    try:
        with _native_chatter_dropped():
            models = load_models()
    except ModelFileError as error:
        raise click.ClickException(str(error)) from error
    failed = 0
    if not as_json:
        _say(_ROW.format("FILE", "APPEARS", "PROB.", "CANNOT BE RULED OUT", "FACE", width=width))
    # On a terminal only: tqdm keeps the bar below what is written beside it
    bar = tqdm(pictures, unit=" pictures", leave=False, disable=None if len(pictures) > 1 else True)
    for name, fault in bar:
        answer = {"error": fault, "code": "unreadable"} if fault else _answer(models, name, faces)
        if "error" in answer:
            failed += 1
            tqdm.write(f"{_printable(name)}: {answer['error']}", file=sys.stderr)
        if as_json:
            _say(json.dumps({"file": name, **answer}))
        elif "error" not in answer:
            for face in answer.get("faces", [answer]):
                _say(_row(name, face, width))
    if not as_json:
        tqdm.write(answers.NOTICE, file=sys.stderr)
    sys.exit(1 if failed else 0)


def _expand(path: str) -> Iterator[tuple[str, str]]:
    """The pictures that a path stands for, each with what is wrong with it, empty if nothing."""
    if path == STDIN or not Path(path).is_dir():
        yield path, ""
        return
    inside = (each for each in Path(path).rglob("*") if each.suffix.lower() in SUFFIXES)
    found = sorted(str(each) for each in inside if each.is_file())
    yield from ((each, "") for each in found)
    if not found:
        yield path, "There is no .jpg or .jpeg in this folder"


def _answer(models: Models, name: str, faces: str) -> dict[str, Any]:
    """What the service would answer, or its error."""
    try:
        picture = sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else Path(name)
        classification = classify(models, picture, all_faces=faces == "all")
    except PictureError as fault:
        return answers.error(fault)
    except OSError as fault:
        return {"error": f"It cannot be read: {fault.strerror}", "code": "unreadable"}
    return (answers.all_faces if faces == "all" else answers.largest_face)(classification)


def _row(name: str, face: dict[str, Any], width: int) -> str:
    left, top, wide, high = face["face"]["box"]
    return _ROW.format(
        _printable(name),
        face["ethnicity"],
        f"{face['confidence']:.0%}",
        ", ".join(face["prediction_set"]),
        f"{left},{top} {wide}×{high}",
        width=width,
    )


@contextmanager
def _native_chatter_dropped() -> Iterator[None]:
    """LiteRT's greeting goes past Python to the standard error; what fails raises all the same."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _printable(name: str) -> str:
    """A file's name without what would steer a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stdout)
