"""The documents' examples work, their links lead to files, SECURITY.md names real tests.

The blocks of README.md, docs/clients.md and docs/platforms.md run as they are written, in a copy of
the checkout with your_face.jpg, photos, faces.tar and census.json added; only the port differs. A
block whose preceding comment says why it is not run has its shell syntax checked.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ethnicity.labels import LABELS
from scripts.events import PICTURES, raw
from tests.conftest import Call

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "README.md", ROOT / "docs" / "clients.md", ROOT / "docs" / "platforms.md"]
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in EXAMPLES)
"""The documents whose blocks are run."""

PORT = "5000"

BLOCK = re.compile(r"(?:<!-- ([^>]*) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment before it, or an empty string."""

    comment: str
    language: str
    text: str

    @property
    def is_run(self) -> bool:
        return self.language in RUNNERS and not self.comment.startswith("not run: ")


RUNNERS = {
    "sh": ["bash", "-euo", "pipefail", "-c"],
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "-e"],
}

BLOCKS = [Block(comment or "", language, text) for comment, language, text in BLOCK.findall(TEXT)]


def each(blocks: list[Block]) -> pytest.MarkDecorator:
    assert blocks
    names = [block.text.strip().partition("\n")[0][:50] for block in blocks]
    return pytest.mark.parametrize("block", blocks, ids=names)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links to the checkout's files, so that blocks do not write into the checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        (folder / entry.name).symlink_to(entry)
    (folder / "photos").mkdir()
    for picture in (folder / "your_face.jpg", folder / "photos" / "one.jpg"):
        shutil.copy(PICTURES / "astronaut.jpg", picture)
    with tarfile.open(folder / "faces.tar", "w") as tar:
        for index in range(10):
            tar.add(folder / "photos" / "one.jpg", f"train/a/{index}.jpg")
    shares = dict.fromkeys(LABELS, 1 / len(LABELS))
    (folder / "census.json").write_text(json.dumps(shares), encoding="utf-8")
    return folder


ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(sys.path)  # as where the package is installed


@each([block for block in BLOCKS if block.is_run and block.comment != "serves"])
def test_a_block_of_the_readme_runs(block: Block, checkout: Path, origin: str) -> None:
    runner = RUNNERS[block.language]
    if shutil.which(runner[0]) is None:
        pytest.skip(f"NO {runner[0].upper()}: this block was not run")
    text = block.text.replace(f"localhost:{PORT}", urlsplit(origin).netloc)

    done = subprocess.run(
        [*runner, text],
        cwd=checkout,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    # THEN every line has its answer, in the block's output or in the file that it is written to
    files = re.findall(r"> (\S+\.jsonl)", text)
    files += [
        f"{out or 'audit-report'}/report.html"
        for out in re.findall(r"audit .*?(?:OUT=(\w+)|$)", text)
    ]
    output = done.stdout + "".join((checkout / file).read_text() for file in files)
    assert "White" in output or "Too few faces to tell how balanced" in output
    assert '"error"' not in output


@each([block for block in BLOCKS if block.comment == "serves"])
def test_the_server_answers_at_the_address_that_it_prints(block: Block, checkout: Path) -> None:
    command = block.text.replace(PORT, "0")  # any free port
    server = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=checkout,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with server:
        assert server.stderr is not None
        running = next(line for line in server.stderr if "running on" in line)
        address = next(word for word in running.split() if word.startswith("http://"))
        assert "text/html" in httpx.get(f"{address}/", timeout=60).headers["content-type"]
        os.killpg(server.pid, 15)


DOCUMENTS = [*ROOT.glob("[A-Z]*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_documents_links_lead_to_files_and_its_commands_are_well_formed(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)

    assert [link for link in links if not (document.parent / link).exists()] == []
    for _, language, block in BLOCK.findall(text):
        if language == "sh":
            commands = re.sub(r"<(\w+)>", r"\1", block)  # placeholders
            subprocess.run(["bash", "-n"], input=commands, text=True, check=True)


def test_the_answer_in_the_readme_is_the_one_that_make_predict_prints(
    call: Call, astronaut: bytes
) -> None:
    (shown,) = [block.text for block in BLOCKS if block.language == "json"]

    assert json.loads(shown) == call(raw(astronaut)).body


def test_every_test_that_security_md_names_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_\w+))?`", text)

    assert len(named) > 10
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text(encoding="utf-8")
