"""Which objects of a bucket an audit examines, as its worker and its summary both see them."""

from ethnicity.audit.sources import group_of, is_picture

_DEPTH = 1
"""Folders of a name that make its group."""


def name_and_group(prefix: str, key: str) -> tuple[str, str] | None:
    """An object's name below the prefix and its group; ``None`` if it is not a picture."""
    name = key.removeprefix(prefix).lstrip("/")
    return (name, group_of(name, _DEPTH)) if is_picture(name) else None
