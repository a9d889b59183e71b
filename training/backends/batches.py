"""The interface of a source of training batches."""

from typing import Any, Protocol


class BatchSource(Protocol):
    """An epoch's batches: nested NumPy arrays, all of the same shapes."""

    epoch: int
    """Number of the current epoch, from 0."""

    def begin(self, epoch: int) -> None:
        """Switch to the batches of an epoch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
