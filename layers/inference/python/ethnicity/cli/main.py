"""The ``ethnicity`` command, a group of commands with one module each."""

import json

import click

from ethnicity import __version__
from ethnicity.cli.audit import audit
from ethnicity.cli.ending import Commands
from ethnicity.cli.predict import predict
from ethnicity.cli.serve import serve
from ethnicity.model_files import read_model_file


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        model = json.loads(read_model_file("classifier.json"))["version"]
        click.echo(f"ethnicity {__version__}, model {model}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of the command and its model, and exit.",
)
def ethnicity() -> None:
    """Apparent ethnicity from face photos, on this machine.

    A model sees only appearance. Ethnicity is a social construct that no picture shows. For
    research and education only, never for decisions about people.

    \b
    Examples
      ethnicity predict your_face.jpg
      ethnicity serve
      ethnicity audit photos --out report
    """


for _command in (predict, serve, audit):
    ethnicity.add_command(_command)
