"""The server without AWS, asked for more than it can do."""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from scripts.events import padded
from tests.hostile import FULL, progressive, refined

PORTRAIT = (Path(__file__).parents[1] / "data" / "portrait.jpg").read_bytes()

SERVER = "ethnicity.web.server:create_server"

LONGEST = 4

JPEG = {"content-type": "image/jpeg"}


@dataclass(frozen=True)
class Server:
    url: str
    process: int

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60)

    def predict(self, picture: bytes) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", content=picture, headers=JPEG, timeout=120)

    def most_memory(self) -> float:
        """What the process ever held, in MB."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3


@contextmanager
def serving(longest: int) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "ethnicity.web.server:create_server",
        ]
        process = subprocess.Popen(
            [*command, "--log-level", "error", "--fd", str(listening.fileno())],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(sys.path), "ETHNICITY_QUEUE": str(longest)},
            pass_fds=[listening.fileno()],
        )
        try:
            server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}", process.pid)
            server.get("/health")
            yield server
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A picture without a face that takes a second to tell."""
    return progressive(5_900, 5_900, FULL, refined((1, 2, 3), 5)[:20])


@pytest.mark.slow
def test_more_pictures_than_it_holds_are_told_to_come_again_and_memory_stays_bounded(
    slow: bytes,
) -> None:
    # GIVEN ten times as many senders as it holds pictures, each with as large a body as it takes
    picture = padded(slow, 4_900_000)
    with serving(LONGEST) as server, ThreadPoolExecutor(10 * LONGEST) as senders:
        before = server.most_memory()
        sent = [senders.submit(server.predict, picture) for _ in range(10 * LONGEST)]
        answered = answered_meanwhile(server, sent)
        answers = [each.result() for each in as_completed(sent)]
        held = server.most_memory() - before

        # THEN each of them is answered: those it holds as ever, all others at once
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses.keys() == {422, 503}
        assert LONGEST <= statuses[422] < len(sent)
        for answer in answers:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["code"] == "busy"
        # THEN meanwhile the other routes answer, and it holds a queue and one decoded picture
        assert answered > 0
        assert held < 320 + LONGEST * 2 * 5 + 60
        # THEN nobody is refused for what is over
        assert server.predict(PORTRAIT).status_code == 200


def answered_meanwhile(server: Server, sent: list[Future[httpx.Response]]) -> int:
    """How often /health answers before the last picture does."""
    count = 0
    while not all(each.done() for each in sent):
        assert server.get("/health").status_code == 200
        count += not all(each.done() for each in sent)
    return count


def test_health_answers_while_a_picture_is_classified(slow: bytes) -> None:
    with serving(LONGEST) as server, ThreadPoolExecutor(1) as sender:
        sent = [sender.submit(server.predict, slow)]

        assert answered_meanwhile(server, sent) > 0
        assert sent[0].result().status_code == 422
