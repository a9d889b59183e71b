"""Install the lock files' arm64 wheels as functions/Dockerfile does, and trim them, on any machine.

Fails if a package has no arm64 wheel, if trimming fails, or if a library for another architecture
remains. Needs pip and a package index.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

LOCKS = ("functions", "predict", "s3", "serve")

GLIBC = 34
"""Minor version of the base image's glibc (Amazon Linux 2023: 2.34)."""

_OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}

_ELF, _ELF_MACHINE, _AARCH64 = b"\x7fELF", slice(18, 20), (183).to_bytes(2, "little")


def platforms() -> list[str]:
    """Return pip options for the tags of all wheels that run on the base image."""
    minors = range(17, GLIBC + 1)
    tags = [f"manylinux_2_{minor}" for minor in minors]
    tags += [_OLD_NAMES[minor] for minor in minors if minor in _OLD_NAMES]
    return [part for tag in tags for part in ("--platform", f"{tag}_aarch64")]


def install(lock: Path, folder: Path) -> None:
    """Install the wheels of a lock file into a folder."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"),
            *("--python-version", "3.13", "--implementation", "cp", *platforms()),
            *("--target", str(folder), "--requirement", str(lock)),
        ],
        check=True,
    )


def trim(folder: Path) -> None:
    """Remove the files that the images leave out."""
    subprocess.run(["sh", str(ROOT / "functions" / "trim.sh"), str(folder)], check=True)


def foreign(folder: Path) -> list[Path]:
    """Return the libraries for other architectures than arm64."""
    found = []
    for path in folder.rglob("*.so*"):
        with path.open("rb") as file:
            head = file.read(20)
        if head.startswith(_ELF) and head[_ELF_MACHINE] != _AARCH64:
            found.append(path)
    return found


def size(folder: Path) -> float:
    """Return the size of all files in a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for lock in LOCKS:
            install(ROOT / "requirements" / f"{lock}.txt", folder / lock)
            before = size(folder / lock)
            if lock == "functions":
                trim(folder / lock)
            print(f"{lock:<10}{before:7.1f} MB, trimmed {size(folder / lock):7.1f} MB")
        wrong = foreign(folder)
    for path in wrong:
        print(f"{path.relative_to(folder)} is not for arm64", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
