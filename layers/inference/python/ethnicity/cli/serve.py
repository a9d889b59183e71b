"""The API and its demo page on this machine."""

import os

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
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Processes; one for each core classifies as many pictures at once.",
)
@click.option(
    "--queue",
    default=None,
    type=click.IntRange(min=1),
    help="Pictures that a process holds; more get 503.  [default: 16]",
)
def serve(host: str, port: int, workers: int, queue: int | None) -> None:
    """Serve the API and its demo page, until Ctrl+C.

    The same application as in Lambda, without its gateway: whoever reaches the address may use it.
    At 127.0.0.1 that is this machine alone. On macOS, AirPlay may hold port 5000.

    \b
    Examples
      ethnicity serve
      ethnicity serve --port 8000 --workers 4
      curl -F "image=@your_face.jpg" http://127.0.0.1:5000/predict
    """
    import uvicorn  # noqa: PLC0415 - no other command needs a server

    from ethnicity.web.server import QUEUE  # noqa: PLC0415

    if queue is not None:
        os.environ[QUEUE] = str(queue)  # for the processes to read
    uvicorn.run(
        "ethnicity.web.server:create_server",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
    )
