"""Known vulnerabilities of the functions' packages, and the list of these packages."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import vulnerabilities
from tests.serving import at_work

ROOT = Path(__file__).parents[2]

LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:00
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:00
starlette==1.10.0 \\
    --hash=sha256:00
    # via fastapi
"""

FLAW = {
    "id": "PYSEC-2026-1",
    "summary": "It can be made to fall over.",
    "affected": [
        {
            "package": {"name": "numpy", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.5.6"}]}],
            "versions": ["2.5.5"],
        }
    ],
}

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@contextmanager
def source(answer: Answer) -> Iterator[str]:
    """A local server in place of the public one."""

    class Exchange(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = answer(question)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Log nothing."""

    with at_work(ThreadingHTTPServer(("127.0.0.1", 0), Exchange)) as server:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "run.txt"
    path.write_text(LOCK, encoding="utf-8")
    return path


def test_every_package_is_looked_up_and_none_has_a_known_vulnerability(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def nothing(question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append((question.get("package", {}).get("name"), question.get("version")))
        return 200, {}

    with source(nothing) as url:
        assert vulnerabilities.main(url, [lock]) == vulnerabilities.CLEAN

    # THEN the versions for all Pythons were looked up, including Lambda's
    assert {("numpy", "2.4.6"), ("numpy", "2.5.5"), ("starlette", "1.10.0")} <= set(asked)
    assert capsys.readouterr().out.startswith("3 packages, no known vulnerability")


def test_a_vulnerability_is_named_and_fails(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def flaw(question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"vulns": [FLAW]} if question.get("version") == "2.5.5" else {}

    with source(flaw) as url:
        assert vulnerabilities.main(url, [lock]) == vulnerabilities.WANTING

    assert capsys.readouterr().out == "numpy 2.5.5: PYSEC-2026-1, fixed in 2.5.6\n"


def test_a_source_that_answers_with_an_error_fails(
    lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with source(lambda _: (500, {})) as url:
        assert vulnerabilities.main(url, [lock]) == vulnerabilities.WANTING

    assert "starlette 1.10.0: not checked" in capfd.readouterr().out


def test_an_unreachable_source_has_its_own_exit_status(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a port that has just been closed
    with source(lambda _: (200, {})) as url:
        pass

    assert vulnerabilities.main(url, [lock]) == vulnerabilities.UNREACHABLE
    assert "no package was checked" in capsys.readouterr().out


def test_the_bill_of_materials_names_every_package_of_the_locks_with_its_hashes(
    tmp_path: Path,
) -> None:
    bill = tmp_path / "sbom.json"
    subprocess.run(
        ["make", "--silent", "sbom", f"SBOM={bill}", f"DEV={Path(sys.executable).parent}"],
        cwd=ROOT,
        check=True,
    )

    document = json.loads(bill.read_text(encoding="utf-8"))
    pinned = {
        pin
        for lock in vulnerabilities.LOCKS
        for pin in re.findall(r"^(\S+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert document["bomFormat"] == "CycloneDX"
    assert {(each["name"], each["version"]) for each in document["components"]} == pinned
    assert all("hashes" in str(each["externalReferences"]) for each in document["components"])


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name
)
def test_every_lock_has_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = re.findall(r"^\S+==.*$", text, re.MULTILINE)

    assert len(pins) == len(re.findall(r"^\S+==[^#]*\\\n +--hash=sha256:", text, re.MULTILINE))
    assert "://" not in text
