"""The command's end after an error or interrupt: a message instead of a traceback."""

import contextlib
import sys
from typing import Any

import click

from ethnicity.native import drop

INTERRUPTED = 130
"""Exit status after Ctrl+C, as in a shell: 128 plus the signal's number."""


class Commands(click.Group):
    """A group whose commands report interrupts, full disks and closed pipes as messages."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the given command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _drop_output()
            raise click.ClickException(
                "The output was closed before all of it was written"
            ) from None
        except OSError as error:
            _drop_output()
            raise click.ClickException(_sentence(error)) from error
        return result


def _sentence(error: OSError) -> str:
    about = f"{error.filename}: " if error.filename else ""
    return f"{about}{error.strerror or error}"


def _drop_output() -> None:
    """Discard buffered output, which Python would otherwise try to write again at exit."""
    with contextlib.suppress(OSError):  # a stream without a file
        drop(sys.stdout.fileno())
