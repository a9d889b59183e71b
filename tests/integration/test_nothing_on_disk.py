"""No part of a request ever reaches a file, however large it is.

An audit hook sees every file that Python opens. It cannot be removed, so a separate process, which
runs this file as a script, makes the requests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from scripts.events import FORMS

PICTURE = Path(__file__).parents[1] / "data" / "astronaut.jpg"

COMMENTS = (b"\xff\xfe" + (50_000).to_bytes(2, "big") + bytes(49_998)) * 89
"""JPEG segments that make a picture as large as API Gateway and Lambda accept."""

STARLETTES_OWN = 1024 * 1024
"""The size in bytes above which Starlette's parser, by default, writes a form's files to disk."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

MAKES_A_FILE = {"os.link", "os.mkdir", "os.rename", "os.symlink", "tempfile.mkdtemp"}
"""Audit events that create a file, in addition to "open", which temporary files raise too."""


def send_pictures(spool_max_size: int | None) -> dict[str, tuple[int, list[str]]]:
    """For each form, the status of the answer and the files opened for writing until then."""
    opened: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        flags = arguments[2] if event == "open" else None
        if event in MAKES_A_FILE or (isinstance(flags, int) and flags & WRITES):
            opened.append(f"{event} {arguments[0]}")

    sys.addaudithook(watch)
    # Imported only now, so that the hook sees the service start as well
    from ethnicity.web.body import FormParser  # noqa: PLC0415
    from predict.app import handler  # noqa: PLC0415
    from scripts.gateway import http_api  # noqa: PLC0415

    if spool_max_size is not None:
        FormParser.spool_max_size = spool_max_size
    jpeg = PICTURE.read_bytes()
    picture = jpeg[:2] + COMMENTS + jpeg[2:]
    seen = {}
    for form, request in FORMS.items():
        response = handler(http_api(request(picture)), None)
        seen[form] = (response["statusCode"], opened.copy())
        opened.clear()
    return seen


def watched(temporary: Path, spool_max_size: int | None = None) -> dict[str, list[object]]:
    """`send_pictures` in a fresh process whose temporary files would go to that folder."""
    done = subprocess.run(
        [sys.executable, "-B", __file__, json.dumps(spool_max_size)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        check=True,
    )
    seen: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_a_picture_of_four_and_a_half_megabytes_opens_no_file_for_writing(tmp_path: Path) -> None:
    assert watched(tmp_path) == {"multipart": [200, []], "json": [200, []], "raw": [200, []]}


def test_the_audit_hook_sees_the_file_that_starlettes_default_setting_would_write(
    tmp_path: Path,
) -> None:
    # GIVEN the form parser with Starlette's default setting
    seen = watched(tmp_path, STARLETTES_OWN)

    status, opened = seen.pop("multipart")
    assert status == 200
    assert isinstance(opened, list)
    assert f"open {tmp_path}" in "\n".join(opened)
    assert seen == {"json": [200, []], "raw": [200, []]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send_pictures(json.loads(sys.argv[1]))))
