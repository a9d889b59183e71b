"""Every kind of source lists the same pictures and reads the same bytes."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ethnicity.audit.sources import SourceError, group_of, is_picture, open_source

PICTURES = {"train/White/a.jpg": b"one", "train/b.JPEG": b"two", "test/c.png": b"three"}
OTHERS = {"train/labels.csv": b"x", ".hidden/d.jpg": b"x", "__MACOSX/e.jpg": b"x", "._f.jpg": b"x"}


def folder(at: Path) -> Path:
    for name, content in (PICTURES | OTHERS).items():
        (at / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (at / "set" / name).write_bytes(content)
    return at / "set"


def zipped(at: Path) -> Path:
    with zipfile.ZipFile(at / "set.zip", "w") as archive:
        for name, content in (PICTURES | OTHERS).items():
            archive.writestr(name, content)
    return at / "set.zip"


def tarred(at: Path, suffix: str = "", mode: str = "") -> Path:
    file = at / f"set.tar{suffix}"
    with tarfile.open(file, f"w:{mode}") as archive:  # type: ignore[call-overload]
        for name, content in (PICTURES | OTHERS).items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("train/link.jpg")
        link.type = tarfile.SYMTYPE
        archive.addfile(link)
    return file


def compressed(at: Path) -> Path:
    return tarred(at, ".gz", "gz")


def listed_in_a_csv(at: Path) -> Path:
    folder(at)
    file = at / "set" / "list.csv"
    file.write_text("\ufefffile,split\n" + "".join(f"{name},x\n" for name in PICTURES))
    return file


@pytest.mark.parametrize("made", [folder, zipped, tarred, compressed, listed_in_a_csv])
def test_pictures_are_read_in_place(made: Callable[[Path], Path], tmp_path: Path) -> None:
    source = open_source(str(made(tmp_path)))

    listed = list(source.list())

    assert {each.name: source.read(each) for each in listed} == PICTURES
    assert {each.name: each.group for each in listed} == {
        "train/White/a.jpg": "train",
        "train/b.JPEG": "train",
        "test/c.png": "test",
    }
    assert {each.size for each in listed} == {3, 5}
    assert source.title == made(tmp_path).name


def test_depth_sets_the_folder_levels_of_a_group() -> None:
    assert group_of("train/White/a.jpg", 2) == "train/White"
    assert group_of("a.jpg", 2) == ""


def test_a_column_of_a_csv_may_name_the_group(tmp_path: Path) -> None:
    source = open_source(str(listed_in_a_csv(tmp_path)), by=("split",))

    assert {each.group for each in source.list()} == {"x"}


def test_the_error_for_a_missing_csv_column_lists_the_existing_ones(tmp_path: Path) -> None:
    source = open_source(str(listed_in_a_csv(tmp_path)), column="path")

    with pytest.raises(SourceError, match="has no column path; its columns: file, split"):
        list(source.list())


def test_a_missing_file_named_in_a_csv_is_still_listed(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("file\ngone.jpg\n")
    source = open_source(str(tmp_path / "list.csv"))

    (listed,) = source.list()
    assert listed.size is None
    with pytest.raises(FileNotFoundError):
        source.read(listed)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "neither a file nor a folder"), (b"text", "not a folder, zip, tar or CSV file")],
)
def test_other_paths_are_refused_as_sources(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "some.bin"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SourceError, match=message):
        open_source(str(file))


def test_unsupported_pictures_are_listed_and_hidden_files_are_not() -> None:
    assert is_picture("a/b.webp")
    assert is_picture("../a/b.jfif")
    assert not is_picture("a/.b.jpg")
    assert not is_picture("a/b.txt")
