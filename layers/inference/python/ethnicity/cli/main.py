"""The group of commands, each in a module of its own."""

import click

from ethnicity.cli.audit import audit
from ethnicity.cli.predict import predict
from ethnicity.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def ethnicity() -> None:
    """Apparent ethnicity from face photos, on this machine.

    Appearance is all that a model sees: ethnicity is a social construct that no picture shows. For
    research and education only, never for decisions about a person.

    \b
    Begin with
      ethnicity predict your_face.jpg
      ethnicity serve
      ethnicity audit photos --out report
    """


for _command in (predict, serve, audit):
    ethnicity.add_command(_command)
