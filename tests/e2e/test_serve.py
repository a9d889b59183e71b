"""The server without AWS under overload."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from scripts.events import padded
from scripts.server import Server, serving
from tests.hostile import FULL, progressive, refined

PORTRAIT = (Path(__file__).parents[1] / "data" / "portrait.jpg").read_bytes()

SERVER = "ethnicity.web.server:create_server"

LONGEST = 4

JPEG = {"content-type": "image/jpeg"}


@dataclass(frozen=True)
class Client:
    """The server under test, with its clients' requests and its memory."""

    server: Server

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.server.url + path, timeout=60)

    def predict(self, picture: bytes) -> httpx.Response:
        url = f"{self.server.url}/predict"
        return httpx.post(url, content=picture, headers=JPEG, timeout=120)

    def most_memory(self) -> float:
        """Peak memory of the process, in MB."""
        status = Path(f"/proc/{self.server.pid}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3


@pytest.fixture
def client() -> Iterator[Client]:
    with serving(SERVER, ETHNICITY_QUEUE=str(LONGEST)) as server:
        client = Client(server)
        client.get("/health")
        yield client


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A picture without a face that takes a second to classify."""
    return progressive(5_900, 5_900, FULL, refined((1, 2, 3), 5)[:20])


@pytest.mark.slow
def test_pictures_beyond_the_queue_get_503_and_memory_stays_bounded(
    client: Client, slow: bytes
) -> None:
    # GIVEN ten times as many clients as the queue has places, each with a body of the largest size
    picture = padded(slow, 4_900_000)
    with ThreadPoolExecutor(10 * LONGEST) as senders:
        before = client.most_memory()
        sent = [senders.submit(client.predict, picture) for _ in range(10 * LONGEST)]
        answered = answered_meanwhile(client, sent)
        answers = [each.result() for each in as_completed(sent)]
        held = client.most_memory() - before

        # THEN all are answered: queued pictures as usual, all others with 503
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses.keys() == {422, 503}
        assert LONGEST <= statuses[422] < len(sent)
        for answer in answers:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["code"] == "busy"
        # THEN other routes answer meanwhile, and memory holds the queue and one decoded picture
        assert answered > 0
        assert held < 320 + LONGEST * 2 * 5 + 60
        # THEN the next picture is accepted
        assert client.predict(PORTRAIT).status_code == 200


def answered_meanwhile(client: Client, sent: list[Future[httpx.Response]]) -> int:
    """Count the answers of /health before the last picture's answer."""
    count = 0
    while not all(each.done() for each in sent):
        assert client.get("/health").status_code == 200
        count += not all(each.done() for each in sent)
    return count


def test_health_answers_while_a_picture_is_classified(client: Client, slow: bytes) -> None:
    with ThreadPoolExecutor(1) as sender:
        sent = [sender.submit(client.predict, slow)]

        assert answered_meanwhile(client, sent) > 0
        assert sent[0].result().status_code == 422
