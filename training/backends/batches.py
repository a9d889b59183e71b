"""What a network is trained by."""

from typing import Any, Protocol


class BatchSource(Protocol):
    """An epoch's batches: nested NumPy arrays, all of the same shapes."""

    epoch: int
    """Of which they are, the first being 0."""

    def begin(self, epoch: int) -> None:
        """From now on they are of that epoch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
