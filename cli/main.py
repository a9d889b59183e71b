"""The group of commands, each in a module of its own."""

import click

from cli.predict import predict
from cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def ethnicity() -> None:
    """Apparent ethnicity from face photos, on this machine.

    Appearance is all that a model sees: ethnicity is a social construct that no picture shows. For
    research and education only, never for decisions about a person.

    \b
    Begin with
      ethnicity predict your_face.jpg
      ethnicity serve
    """


# A command is here if it is in this list: `audit` of its package joins it.
for _command in (predict, serve):
    ethnicity.add_command(_command)
