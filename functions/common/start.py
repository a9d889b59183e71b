"""A function's start, made shorter. A handler's module imports this before all else."""

import gc

gc.disable()  # a fifth of a start: imports make objects by the hundred thousand, and no garbage


def finish() -> None:
    """Collect garbage again, passing over what the imports made: they stay to the end."""
    gc.freeze()
    gc.enable()
