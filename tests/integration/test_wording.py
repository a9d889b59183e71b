"""`make words` finds the words and phrases of .ci/wording.txt; codespell alone finds only words."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

BANNED = [
    line.partition("->")[0]
    for line in (ROOT / ".ci" / "wording.txt").read_text(encoding="utf-8").splitlines()
]


def words(file: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", "words", f"FILES={file}", f"DEV={Path(sys.executable).parent}"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


def test_every_word_and_phrase_of_the_list_is_found(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text("".join(f"This {banned.upper()} that.\n" for banned in BANNED), "utf-8")

    done = words(text)

    assert done.returncode != 0
    found = [line.split(": ", 1)[1].partition(" ==>")[0] for line in done.stdout.splitlines()]
    assert [each.lower() for each in found] == BANNED


def test_plain_words_and_parts_of_words_pass(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text("Amend the commendable document, which is not a JPEG.\n", "utf-8")

    assert words(text).returncode == 0
