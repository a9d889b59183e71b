"""Where a set's pictures are, and how they are read there: nothing is unpacked or copied.

A source is listed once, by the process that leads, and read by those that work: it is small, can be
sent to another process and opens what it needs when it first reads.
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
"""Pictures too, but of kinds that the classifier does not take: the report names them."""


class SourceError(Exception):
    """The source cannot be opened; the message says what to do."""


@dataclass(frozen=True)
class Listed:
    """A picture of a source. ``size``: in bytes; ``None`` where that is known once it is read.

    ``group``: the folder, split or class that it counts for.
    ``place``: where it begins in an archive. ``data``: what it holds, if it had to be read.
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
        """What the report calls it: its own name, without the way there."""

    def list(self) -> Iterator[Listed]:
        """Its pictures, in an order that does not change.

        Raises:
            SourceError
        """

    def read(self, listed: Listed) -> bytes:
        """The bytes of one of them.

        Raises:
            OSError, and what the archive's or S3's reader raises.
        """


def open_source(
    where: str, *, depth: int = 1, column: str = "file", by: tuple[str, ...] = ()
) -> Source:
    """The source of that name: a folder, .zip, .tar (compressed or not), .csv or s3://bucket/prefix.

    ``depth``: so many folders of a picture's path are its group. ``column``, ``by``: of a CSV
    file, the columns of path and group; the values of several make a group together.

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
    raise SourceError(f"{where} is no folder, zip, tar or CSV file")


def is_picture(name: str) -> bool:
    """Whether its name says that it is a picture; hidden files and folders are none."""
    return has_suffix(name, SUFFIXES + OTHER_PICTURES)


def group_of(name: str, depth: int) -> str:
    """The first ``depth`` folders of a path; empty at the top."""
    return "/".join(PurePosixPath(name).parent.parts[:depth])


@dataclass(frozen=True)
class Folder:
    """All below a folder; links to folders are not followed."""

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
    """What archives have in common."""

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
    """The members of an uncompressed tar file, each read from where it lies."""

    def list(self) -> Iterator[Listed]:
        with tarfile.open(self.path) as tar:
            for member, name in _pictures(tar):
                group = group_of(name, self.depth)
                yield Listed(name, group, member.size, member.offset_data)

    def read(self, listed: Listed) -> bytes:
        return os.pread(_descriptor(self.path), listed.size or 0, listed.place)


@dataclass(frozen=True)
class CompressedTar(_Archive):
    """The members of a compressed tar file, which can only be read in one go."""

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
    """The files that a CSV file names in one of its columns, relative to its own folder."""

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
                    raise SourceError(f"{self.path.name} has no column {name}, but {there}")
            for row in rows:
                name = row[self.column]
                values = " / ".join(row[each] for each in self.by)
                group = values if self.by else group_of(name, self.depth)
                yield Listed(name, group, _size(self.path.parent / name))

    def read(self, listed: Listed) -> bytes:
        return (self.path.parent / listed.name).read_bytes()


@dataclass(frozen=True)
class S3Prefix:
    """The objects of a bucket below a prefix, which ends in a slash; names leave it out."""

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
        return None  # reading it will tell why


def _pictures(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The pictures among its members, and their names."""
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
        import boto3  # noqa: PLC0415 - slow to import, and few need it
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise SourceError("Reading from S3 needs boto3: pip install boto3") from error
    return boto3.client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
