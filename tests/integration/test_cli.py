"""The ``ethnicity`` command, on real pictures."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
import termios
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import httpx
import pytest

from ethnicity.answers import NOTICE
from ethnicity.cli.main import ethnicity
from ethnicity.limits import MAX_BYTES
from ethnicity.pipeline import load_models
from scripts.events import PICTURES, raw

if TYPE_CHECKING:
    from tests.conftest import Call

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
COMMAND = (sys.executable, "-m", "ethnicity")


@dataclass(frozen=True)
class Done:
    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str | Path, stdin: bytes = b"") -> Done:
    """The command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        pytest.raises(SystemExit) as ended,
    ):
        ethnicity([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


@pytest.fixture
def album(tmp_path: Path, astronaut: bytes, obama: bytes) -> Path:
    """Two pictures, one of them in a folder below, beside what is none."""
    (tmp_path / "below").mkdir()
    (tmp_path / "b.JPG").write_bytes(astronaut)
    (tmp_path / "below" / "a.jpeg").write_bytes(obama)
    (tmp_path / "notes.txt").write_text("No picture.")
    return tmp_path


def test_a_picture_gets_a_row(call: "Call", astronaut: bytes) -> None:
    done = run("predict", PICTURES / "astronaut.jpg")

    answer = call(raw(astronaut)).body
    header, row = done.stdout.splitlines()
    assert done.exit_code == 0
    assert header.split()[:3] == ["FILE", "APPEARS", "PROB."]
    assert f"  {answer['ethnicity']} " in row
    assert f"{answer['confidence']:.0%}" in row
    left, top, width, height = answer["face"]["box"]
    assert row.endswith(f"{left},{top} {width}×{height}")
    assert NOTICE in done.stderr


@pytest.mark.parametrize("faces", ["largest", "all"])
def test_json_lines_hold_what_the_service_answers(
    call: "Call", album: Path, astronaut: bytes, faces: str
) -> None:
    done = run("predict", "--json", "--faces", faces, album)

    first, second = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 0
    assert done.stderr == ""
    assert [first.pop("file"), second.pop("file")] == [
        str(album / "b.JPG"),
        str(album / "below" / "a.jpeg"),
    ]
    assert first == call(replace(raw(astronaut), query=f"faces={faces}")).body
    assert ("faces" in second) is (faces == "all")


def test_a_picture_may_come_from_standard_input(call: "Call", portrait: bytes) -> None:
    done = run("predict", "--json", "-", stdin=portrait)

    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"file": "-", **call(raw(portrait)).body}


def test_pictures_that_cannot_be_classified_do_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing.jpg").touch()
    too_large = tmp_path / "large.jpg"
    with too_large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    paths = [
        tmp_path / "missing.jpg",
        tmp_path / "empty",
        tmp_path / "nothing.jpg",
        too_large,
        PICTURES / "no_face.jpg",
        PICTURES / "portrait.png",
        PICTURES / "portrait.jpg",
    ]

    done = run("predict", *paths)

    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    reasons = [line.rpartition(": ")[2] for line in done.stderr.splitlines()[:6]]
    assert reasons == [
        "No such file or directory",
        "There is no .jpg or .jpeg in this folder",
        "No image provided",
        "The image is larger than 25 MB",
        "No face found in the image",
        "Only JPG/JPEG images are allowed",
    ]
    as_json = [json.loads(line) for line in run("predict", "--json", *paths).stdout.splitlines()]
    assert [line.get("code") for line in as_json] == [
        "unreadable",
        "unreadable",
        "no_image",
        "image_too_large",
        "no_face",
        "not_jpeg",
        None,
    ]


def test_standard_input_that_is_too_long_is_not_read_to_its_end() -> None:
    done = run("predict", "-", stdin=bytes(MAX_BYTES + 2))

    assert done.exit_code == 1
    assert "larger than 25 MB" in done.stderr


def test_a_damaged_installation_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ethnicity.cli.predict.load_models", lambda: load_models(tmp_path))

    done = run("predict", "a.jpg")

    assert done.exit_code == 1
    assert "reinstall the package" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_name_does_not_steer_the_terminal(tmp_path: Path, portrait: bytes) -> None:
    (tmp_path / "\x1b[2Jevil.jpg").write_bytes(portrait)

    done = run("predict", tmp_path)

    assert "evil.jpg" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "--faces", "two", "a.jpg"], ["guess"], ["serve", "--port", "x"]],
    ids=" ".join,
)
def test_a_misspelled_command_is_told_how_it_is_meant(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.exit_code == 2
    assert "Usage: " in done.stderr


@pytest.mark.parametrize("command", ["predict", "serve"])
def test_help_teaches_by_examples(command: str) -> None:
    done = run(command, "--help")

    assert done.exit_code == 0
    assert f"  ethnicity {command} " in done.stdout.partition("Examples")[2]


def test_progress_is_shown_on_a_terminal_only(album: Path) -> None:
    command = [*COMMAND, "predict", "--json", str(album)]
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    shown = subprocess.run(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    assert b"pictures" in os.read(terminal, 65_536)
    os.close(terminal)
    silent = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)

    assert silent.stderr == b""
    assert silent.stdout == shown.stdout


def test_serve_answers_until_it_is_stopped(portrait: bytes) -> None:
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    with server:
        assert server.stderr is not None
        running = next(line for line in server.stderr if "running on" in line)
        address = next(word for word in running.split() if word.startswith("http://"))

        answer = httpx.post(f"{address}/predict", files={"image": portrait}, timeout=60)

        server.terminate()
    assert answer.status_code == 200
    assert answer.json()["faces_found"] == 1
