"""The API and its demo page on this machine."""

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes a free one.",
)
def serve(host: str, port: int) -> None:
    """Serve the API and its demo page, until Ctrl+C.

    The same application as in Lambda, without its gateway: whoever reaches the address may use it.
    At 127.0.0.1 that is this machine alone. On macOS, AirPlay may hold port 5000.

    \b
    Examples
      ethnicity serve
      ethnicity serve --port 8000
      curl -F "image=@your_face.jpg" http://127.0.0.1:5000/predict
    """
    import uvicorn  # noqa: PLC0415 - no other command needs a server

    uvicorn.run(
        "ethnicity.web.application:create_app",
        factory=True,
        host=host,
        port=port,
        access_log=False,
    )
