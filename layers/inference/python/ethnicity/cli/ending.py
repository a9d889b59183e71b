"""How the command ends when it cannot go on: with a sentence, and without a traceback."""

import contextlib
import sys
from typing import Any

import click

from ethnicity.native import drop

INTERRUPTED = 130
"""As a shell counts it: 128 and the signal's number."""


class Commands(click.Group):
    """A group whose commands may be interrupted, and may write to full disks and closed pipes."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command that was asked for."""
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
    """Leave nothing in the buffer that Python would try to write again at its end."""
    with contextlib.suppress(OSError):  # a stream without a file
        drop(sys.stdout.fileno())
