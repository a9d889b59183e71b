"""Selection of picture files by name."""

from pathlib import Path

import pytest

from ethnicity.picture_files import JPEG_SUFFIXES, SUFFIXES, has_suffix, walk


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.JPG", "b/a.jpeg", "../a.jpe", "./b.c/a.jfif", "a.b.Jpg"]
)
def test_a_jpeg_is_recognised_by_its_suffix(name: str) -> None:
    assert has_suffix(name, JPEG_SUFFIXES)


@pytest.mark.parametrize(
    "name", ["a.png", "a", "jpg", "a.jpg.txt", ".jpg", "._a.jpg", ".b/a.jpg", "__MACOSX/b/a.jpg"]
)
def test_other_and_hidden_files_are_not_pictures(name: str) -> None:
    assert not has_suffix(name, JPEG_SUFFIXES)


def test_a_folder_is_walked_in_order_without_hidden_files_and_links_to_folders(
    tmp_path: Path,
) -> None:
    for name in ["b.png", "a.WEBP", "c/d.jfif", "c/b/e.jpe", "._b.png", ".git/a.jpg", "notes.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "again").symlink_to(tmp_path / "c")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere")

    assert list(walk(tmp_path, SUFFIXES)) == [
        "a.WEBP",
        "b.png",
        "lost.jpg",
        "c/d.jfif",
        "c/b/e.jpe",
    ]
