"""A page on another origin that sends pictures to the API, in Chromium, through the gateway."""

import base64
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from predict.app import handler
from scripts.events import PICTURES
from tests.gateway import TOKEN, gateway
from tests.serving import at_work
from tests.stack import deploy

JWT = {"AuthMode": "JWT", "JwtIssuer": "https://issuer.example", "JwtAudience": "app"}

SEND = """
async ([url, picture, headers]) => {
    const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
    const response = await fetch(url, {method: "POST", headers, body: bytes});
    return [response.status, await response.json()];
}
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of a page on another origin."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Elsewhere</title>", "utf-8")
    serve = partial(_Quiet, directory=str(tmp_path))
    with at_work(ThreadingHTTPServer(("127.0.0.1", 0), serve)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ({"AuthMode": "NONE"}, {"content-type": "image/jpeg"}),
        (JWT, {"content-type": "image/jpeg", "authorization": f"Bearer {TOKEN}"}),
    ],
    ids=["NONE", "JWT"],
)
def test_only_pages_of_an_origin_that_the_deployer_named_get_answers(
    browser: Browser, context: Any, elsewhere: str, auth: dict[str, str], headers: dict[str, str]
) -> None:
    # GIVEN headers that need a preflight: a content type and a token that no HTML form can send
    portrait = base64.b64encode((PICTURES / "portrait.jpg").read_bytes()).decode()
    tab = browser.new_page()
    tab.goto(elsewhere)

    function = partial(handler, context=context)

    with gateway(deploy(**auth, CorsOrigins=elsewhere), function) as api:
        status, answer = tab.evaluate(SEND, [f"{api.url}/predict", portrait, headers])
        assert status == 200
        assert answer["ethnicity"] == "White"
        # THEN the page can read a client error as well, which it could not without CORS headers
        status, answer = tab.evaluate(SEND, [f"{api.url}/nothing", portrait, headers])
        assert (status, answer["code"]) == (404, "not_found")

    with gateway(deploy(**auth, CorsOrigins="https://other.example"), function) as api:
        failed = f"({SEND})(given).catch((error) => [0, error.message])"
        refused = tab.evaluate(f"(given) => {failed}", [f"{api.url}/predict", portrait, headers])
        assert refused == [0, "Failed to fetch"]
    tab.close()
