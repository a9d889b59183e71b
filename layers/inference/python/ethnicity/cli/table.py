"""Text in columns for terminals: wide characters take two cells, combining characters none."""

import unicodedata


def printable(text: str) -> str:
    """The text with control characters replaced, so that it cannot steer a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def cells(text: str) -> int:
    """Number of columns that the text takes (Unicode Standard Annex 11)."""
    return sum(map(_cells, text))


def fit(text: str, width: int) -> str:
    """The text in exactly ``width`` columns; a longer text loses its beginning."""
    if cells(text) > width:
        kept: list[str] = []
        left = width - 1
        for each in reversed(text):
            left -= _cells(each)
            if left < 0:
                break
            kept.append(each)
        text = "…" + "".join(reversed(kept))
    return text + " " * (width - cells(text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
