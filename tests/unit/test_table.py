"""Columns of a table keep their width for any text."""

import pytest

from ethnicity.cli.table import cells, fit, printable


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("photo.jpg", 9), ("写真", 4), ("e\u0301", 1), ("\u200dx", 1), ("🧑", 2), ("ｱ", 1)],
)
def test_the_width_of_a_text_matches_a_terminals(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        ("a.jpg", "a.jpg   "),
        ("long_name.jpg", "…ame.jpg"),
        ("12345678", "12345678"),
        ("写真写真.jpg", "…真.jpg "),
        ("写真.j", "写真.j  "),
    ],
)
def test_a_text_fits_its_column(text: str, fitted: str) -> None:
    assert fit(text, 8) == fitted
    assert cells(fit(text, 8)) == 8


def test_control_characters_are_replaced() -> None:
    assert printable("\x1b[2Ja\udc80.jpg") == "\ufffd[2Ja\ufffd.jpg"
