"""The ``ethnicity`` command, on real pictures."""

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import httpx
import pytest
from PIL import Image

from ethnicity import __version__
from ethnicity.answers import NOTICE
from ethnicity.cli.audit import JOURNAL
from ethnicity.cli.main import ethnicity
from ethnicity.cli.table import cells
from ethnicity.limits import MAX_BYTES
from ethnicity.model_files import MODELS
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
    """Two pictures, one of them in a subfolder, among files that are not pictures."""
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
def test_json_lines_hold_the_answers_of_the_service(
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
        tmp_path / "drawing.png",
        PICTURES / "portrait.jpg",
    ]
    paths[-2].write_bytes(b"GIF89a")

    done = run("predict", *paths)

    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    reasons = [line.rpartition(": ")[2] for line in done.stderr.splitlines()[:6]]
    assert reasons == [
        "No such file or directory",
        "This folder contains no pictures (.jpg, .jpeg, .jpe, .jfif, .png, .webp)",
        "No image provided",
        "The image is larger than 25 MB",
        "No face found in the image",
        "Only JPEG, PNG and WebP pictures are read",
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


def test_a_folder_is_searched_for_pictures_that_are_not_hidden(
    tmp_path: Path, portrait: bytes
) -> None:
    names = ["a.jpg", "b.JPEG", "c.jpe", "d.jfif", "e.png", "f.webp"]
    for name in [*names[:4], "._a.jpg", ".g.jpg", "h.gif", "i.txt"]:
        (tmp_path / name).write_bytes(portrait)
    for name in names[4:]:
        Image.open(io.BytesIO(portrait)).save(tmp_path / name)

    done = run("predict", "--json", tmp_path)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line["file"] for line in lines] == [str(tmp_path / name) for name in names]
    assert {line["ethnicity"] for line in lines} == {lines[0]["ethnicity"]}


def test_long_names_and_wide_characters_keep_the_columns_aligned(
    tmp_path: Path, portrait: bytes
) -> None:
    names = ["a.jpg", "写真写真写真.jpg", "e\u0301.jpg", f"{'long' * 20}.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(portrait)

    header, *rows = run("predict", tmp_path).stdout.splitlines()

    for row in rows:
        name, _, rest = row.partition(".jpg ")
        assert cells(f"{name}.jpg ") + len(rest) - len(rest.lstrip()) == header.index("APPEARS")
    assert any(row.startswith("…") for row in rows)


def test_standard_input_that_is_too_long_is_not_read_to_its_end() -> None:
    done = run("predict", "-", stdin=bytes(MAX_BYTES + 2))

    assert done.exit_code == 1
    assert "larger than 25 MB" in done.stderr


def test_a_damaged_installation_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ethnicity.cli.predict.load_models", lambda: load_models(tmp_path))

    done = run("predict", "a.jpg")

    assert done.exit_code == 1
    assert "reinstall the package" in done.stderr
    assert "Traceback" not in done.stderr


def test_control_characters_in_a_file_name_do_not_reach_the_terminal(
    tmp_path: Path, portrait: bytes
) -> None:
    (tmp_path / "\x1b[2Jevil.jpg").write_bytes(portrait)

    done = run("predict", tmp_path)

    assert "evil.jpg" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_version_is_printed() -> None:
    done = run("--version")

    about = json.loads((MODELS / "classifier.json").read_text())
    assert done.exit_code == 0
    assert done.stdout == f"ethnicity {__version__}, model {about['version']}\n"


@pytest.fixture
def many(tmp_path: Path, astronaut: bytes) -> Path:
    """More pictures than the command can classify before the tests interrupt it."""
    for number in range(300):
        (tmp_path / f"{number}.jpg").write_bytes(astronaut)
    return tmp_path


def started(*arguments: str | Path) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own, as Ctrl+C signals a whole group.

    A test run in the background of a shell ignores SIGINT, and child processes inherit that.
    """
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_ctrl_c_ends_a_prediction_with_a_message(many: Path) -> None:
    process = started("predict", "--json", many)
    assert process.stdout is not None
    assert process.stdout.readline()

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.decode().splitlines() == ["Interrupted."]


def test_ctrl_c_ends_an_audit_with_a_message(many: Path, tmp_path: Path) -> None:
    # GIVEN an audit whose processes have begun to work: the first results are in its journal
    process = started("audit", many, "--out", tmp_path / "out", "--jobs", "2")
    journal = tmp_path / "out" / JOURNAL
    while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 2):
        os.sched_yield()

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.decode().splitlines() == ["Interrupted. Give the same command again to resume."]
    assert journal.read_text().count("\n") > 1


def test_a_closed_pipe_is_reported_in_one_line(many: Path) -> None:
    with started("predict", "--json", many) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()

    assert process.returncode == 1
    assert errors.splitlines() == ["Error: The output was closed before all of it was written"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("command", ["predict", "audit"])
def test_a_full_disk_is_reported_in_one_line(tmp_path: Path, album: Path, command: str) -> None:
    options: list[str | Path] = ["--out", tmp_path / "out"] if command == "audit" else ["--json"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, command, str(album), *map(str, options)],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["Error: No space left on device"]


def test_without_a_terminal_only_the_text_of_the_report_is_shown(
    album: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*COMMAND, "audit", str(album), "--out", str(tmp_path / "out")],
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 2


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "--faces", "two", "a.jpg"], ["guess"], ["serve", "--port", "x"]],
    ids=" ".join,
)
def test_a_misspelled_command_gets_a_suggestion(arguments: list[str]) -> None:
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
