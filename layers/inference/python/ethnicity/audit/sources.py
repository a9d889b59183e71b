"""Sources of a set's pictures: folders, archives, lists and S3, read in place.

The main process lists a source once, and worker processes read it. A source is small, can be sent
to another process, and opens its files at the first read.
"""

import csv
import functools
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from ethnicity.picture_files import SUFFIXES, has_suffix, walk

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OTHER_PICTURES = (".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Suffixes of pictures that the classifier does not read; the report lists such files."""


class SourceError(Exception):
    """The source cannot be opened; the message says what to do."""


@dataclass(frozen=True)
class Listed:
    """A picture of a source.

    ``group``: the folder, split or class that it counts for. ``size``: in bytes; ``None`` if it is
    unknown before reading. ``place``: its offset in an archive. ``data``: its bytes, if listing had
    to read them.
    """

    name: str
    group: str
    size: int | None
    place: int = 0
    data: bytes | None = None


class Source(Protocol):
    """A set of pictures."""

    @property
    def title(self) -> str:
        """Its name in the report, without the path."""

    def list(self) -> Iterator[Listed]:
        """List its pictures in a fixed order.

        Raises:
            SourceError
        """

    def read(self, listed: Listed) -> bytes:
        """Read the bytes of a picture.

        Raises:
            OSError, and the exceptions of the archive's or S3's reader.
        """


def open_source(
    where: str, *, depth: int = 1, column: str = "file", by: tuple[str, ...] = ()
) -> Source:
    """Open a folder, .zip, .tar (compressed or not), .csv or s3://bucket/prefix.

    ``depth``: number of folder levels that form a group. ``column``, ``by``: columns of a CSV file
    with the paths and groups; values of several columns form a combined group.

    Raises:
        SourceError
    """
    if where.startswith("s3://"):
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        return S3Prefix(bucket, f"{prefix.rstrip('/')}/" if prefix else "", depth)
    path = Path(where)
    if path.is_dir():
        return Folder(path, depth)
    if not path.is_file():
        raise SourceError(f"{where} is neither a file nor a folder")
    if zipfile.is_zipfile(path):
        return Zip(path, depth)
    if path.suffix.lower() == ".csv":
        return Manifest(path, column, by, depth)
    if tarfile.is_tarfile(path):
        return Tar(path, depth) if _is_plain_tar(path) else CompressedTar(path, depth)
    raise SourceError(f"{where} is not a folder, zip, tar or CSV file")


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its suffix; hidden files and folders are not."""
    return has_suffix(name, SUFFIXES + OTHER_PICTURES)


def group_of(name: str, depth: int) -> str:
    """The first ``depth`` folders of a path; empty at the top."""
    return "/".join(PurePosixPath(name).parent.parts[:depth])


@dataclass(frozen=True)
class Folder:
    """All pictures below a folder; links to folders are not followed."""

    path: Path
    depth: int

    @property
    def title(self) -> str:
        return self.path.resolve().name

    def list(self) -> Iterator[Listed]:
        for name in walk(self.path, SUFFIXES + OTHER_PICTURES):
            yield Listed(name, group_of(name, self.depth), _size(self.path / name))

    def read(self, listed: Listed) -> bytes:
        return (self.path / listed.name).read_bytes()


@dataclass(frozen=True)
class _Archive:
    """Common part of all archives."""

    path: Path
    depth: int

    @property
    def title(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Zip(_Archive):
    """The members of a zip file."""

    def list(self) -> Iterator[Listed]:
        for member in _zip(self.path).infolist():
            if is_picture(member.filename) and not member.is_dir():
                name = member.filename
                yield Listed(name, group_of(name, self.depth), member.file_size)

    def read(self, listed: Listed) -> bytes:
        return _zip(self.path).read(listed.name)


@dataclass(frozen=True)
class Tar(_Archive):
    """The members of an uncompressed tar file, each read at its offset."""

    def list(self) -> Iterator[Listed]:
        with tarfile.open(self.path) as tar:
            for member, name in _pictures(tar):
                group = group_of(name, self.depth)
                yield Listed(name, group, member.size, member.offset_data)

    def read(self, listed: Listed) -> bytes:
        return os.pread(_descriptor(self.path), listed.size or 0, listed.place)


@dataclass(frozen=True)
class CompressedTar(_Archive):
    """The members of a compressed tar file, which can only be read from start to end."""

    def list(self) -> Iterator[Listed]:
        with tarfile.open(self.path, "r|*") as tar:
            for member, name in _pictures(tar):
                stream = tar.extractfile(member)
                data = b"" if stream is None else stream.read()
                yield Listed(name, group_of(name, self.depth), member.size, data=data)

    def read(self, listed: Listed) -> bytes:
        return listed.data or b""


@dataclass(frozen=True)
class Manifest:
    """The files named in a column of a CSV file, relative to the file's folder."""

    path: Path
    column: str
    by: tuple[str, ...]
    depth: int

    @property
    def title(self) -> str:
        return self.path.name

    def list(self) -> Iterator[Listed]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            for name in (self.column, *self.by):
                if name not in (rows.fieldnames or ()):
                    there = ", ".join(rows.fieldnames or ()) or "none"
                    raise SourceError(
                        f"{self.path.name} has no column {name}; its columns: {there}"
                    )
            for row in rows:
                name = row[self.column]
                values = " / ".join(row[each] for each in self.by)
                group = values if self.by else group_of(name, self.depth)
                yield Listed(name, group, _size(self.path.parent / name))

    def read(self, listed: Listed) -> bytes:
        return (self.path.parent / listed.name).read_bytes()


@dataclass(frozen=True)
class S3Prefix:
    """The objects of a bucket below a prefix that ends in a slash; names omit the prefix."""

    bucket: str
    prefix: str
    depth: int

    @property
    def title(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def list(self) -> Iterator[Listed]:
        pages = (
            _s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        )
        for page in pages:
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self.prefix)
                if is_picture(name):
                    yield Listed(name, group_of(name, self.depth), found["Size"])

    def read(self, listed: Listed) -> bytes:
        found = _s3().get_object(Bucket=self.bucket, Key=self.prefix + listed.name)
        return found["Body"].read()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None  # reading the file will report the reason


def _pictures(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The pictures among a tar file's members, with their names."""
    for member in tar:
        if member.isreg() and is_picture(member.name):
            yield member, PurePosixPath(member.name).as_posix()


def _is_plain_tar(path: Path) -> bool:
    try:
        tarfile.open(path, "r:").close()
    except tarfile.ReadError:
        return False
    return True


@functools.cache
def _zip(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


@functools.cache
def _descriptor(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


@functools.cache
def _s3() -> "S3Client":
    try:
        import boto3  # noqa: PLC0415 - slow to import and rarely needed
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise SourceError("Reading from S3 needs boto3: pip install boto3") from error
    return boto3.client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
