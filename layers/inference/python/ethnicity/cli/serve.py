"""The command ``ethnicity serve``: the API and its demo page on this machine."""

import os

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; 0 picks a free one.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of processes; each classifies one picture at a time.",
)
@click.option(
    "--queue",
    default=None,
    type=click.IntRange(min=1),
    help="Pictures that a process accepts at once; others get 503.  [default: 16]",
)
def serve(host: str, port: int, workers: int, queue: int | None) -> None:
    """Serve the API and its demo page until Ctrl+C.

    Runs the same application as Lambda, without the gateway: anyone who can reach the address can
    use it. 127.0.0.1 can be reached only from this machine. On macOS, AirPlay may use port 5000.

    \b
    Examples
      ethnicity serve
      ethnicity serve --port 8000 --workers 4
      curl -F "image=@your_face.jpg" http://127.0.0.1:5000/predict
    """
    import uvicorn  # noqa: PLC0415 - no other command needs a server

    from ethnicity.web.server import QUEUE  # noqa: PLC0415

    if queue is not None:
        os.environ[QUEUE] = str(queue)  # read by the server's processes
    uvicorn.run(
        "ethnicity.web.server:create_server",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
    )
