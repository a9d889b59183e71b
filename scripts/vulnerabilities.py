"""Look up known vulnerabilities of the packages in the images.

Covers every pin of the run-time lock files, for all Python versions. Exit status 0: no known
vulnerability; 1: at least one, or a package without an answer; 3: the source cannot be reached, so
the state is unknown.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
LOCKS = tuple(REQUIREMENTS / f"{name}.txt" for name in ("functions", "predict", "s3", "serve"))
OSV = "https://api.osv.dev/v1/query"

CLEAN, WANTING, UNREACHABLE = 0, 1, 3

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)

Pin = tuple[str, str]
"""Name and version."""


def main(source: str = OSV, locks: Iterable[Path] = LOCKS) -> int:
    if not answers(source):
        print(f"UNKNOWN: {source} cannot be reached; no package was checked")
        return UNREACHABLE
    wanted = {pin for lock in locks for pin in _PIN.findall(lock.read_text(encoding="utf-8"))}
    found = [each for pins in one_version_each(wanted) for each in look_up(pins, source)]
    bad = [each for each in found if each.get("vulns")]
    known = {(each["name"], each["version"]) for each in found if "vulns" in each}
    for each in bad:
        for vulnerability in each["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{each['name']} {each['version']}: {vulnerability['id']}, fixed in {fixed}")
    missing = sorted(wanted - known)
    for name, version in missing:
        print(f"{name} {version}: not checked")
    if bad or missing:
        return WANTING
    print(f"{len(wanted)} packages, no known vulnerability at {source}")
    return CLEAN


def answers(source: str) -> bool:
    """Whether an HTTP server answers an empty query, even with an error."""
    try:
        urllib.request.urlopen(source, b"{}", timeout=15).close()  # noqa: S310 - a fixed URL
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def one_version_each(pins: set[Pin]) -> Iterator[dict[str, str]]:
    """Split the pins into parts with one version per package: some have one for each Python."""
    left = sorted(pins)
    while left:
        part = dict(left)
        yield part
        left = [pin for pin in left if pin not in part.items()]


def look_up(pins: dict[str, str], source: str) -> list[dict[str, Any]]:
    """Return pip-audit's answer for each package; an empty list if it fails."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in pins.items())
        file.flush()
        command = (
            *(sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps"),
            *("--disable-pip", "--vulnerability-service", "osv", "--osv-url", source),
            *("--format", "json", "--progress-spinner", "off"),
        )
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except ValueError:
        return []


if __name__ == "__main__":
    sys.exit(main())
