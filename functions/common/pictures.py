"""The objects of a bucket that an audit examines, for both its worker and its summary."""

from ethnicity.audit.sources import group_of, is_picture

_DEPTH = 1
"""Number of leading folders in a name that form its group."""


def name_and_group(prefix: str, key: str) -> tuple[str, str] | None:
    """Return an object's name below the prefix and its group; ``None`` if it is not a picture."""
    name = key.removeprefix(prefix).lstrip("/")
    return (name, group_of(name, _DEPTH)) if is_picture(name) else None
