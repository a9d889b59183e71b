"""The package's version, the newest released heading of the changelog and the tags agree."""

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from ethnicity import __version__
from ethnicity.web import application

ROOT = Path(__file__).parents[2]

HEADINGS = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

RELEASES = [heading.partition(" - ")[::2] for heading in HEADINGS[1:]]
"""Version and date of each release, newest first."""


def tags(*arguments: str) -> list[str]:
    """The checkout's version tags, as git lists them."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("NO GIT CHECKOUT: tags were not compared")
    command = ["git", "tag", "--list", "v*", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()


def test_the_changelog_has_unreleased_changes_first_and_then_dated_releases_newest_first() -> None:
    numbers = [tuple(map(int, version.split("."))) for version, _ in RELEASES]
    dates = [date.fromisoformat(day) for _, day in RELEASES]

    assert HEADINGS[0] == "Unreleased"
    assert numbers == sorted(set(numbers), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_package_and_the_openapi_document_have_the_version_of_the_newest_release() -> None:
    document = Path(application.__file__).with_name("openapi.json")

    assert __version__ == RELEASES[0][0]
    assert json.loads(document.read_text("utf-8"))["info"]["version"] == __version__


def test_every_tag_is_a_release_of_the_changelog() -> None:
    assert {tag.removeprefix("v") for tag in tags()} <= {version for version, _ in RELEASES}


def test_a_tagged_commit_has_the_version_of_its_tag() -> None:
    assert {tag.removeprefix("v") for tag in tags("--points-at", "HEAD")} <= {__version__}
