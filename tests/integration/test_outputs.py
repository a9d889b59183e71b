"""The stack's examples, run as written, against a gateway that checks their credentials."""

import os
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from predict.app import handler
from scripts.events import PICTURES
from tests.gateway import KEYS, TOKEN, gateway
from tests.stack import deploy

JWT = {"AuthMode": "JWT", "JwtIssuer": "https://issuer.example", "JwtAudience": "app"}

FROM_THE_CLI = 'eval "$(aws configure export-credentials --format env)" && '

SHORT_LIVED = {
    "AWS_ACCESS_KEY_ID": KEYS.access_key,
    "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
    "AWS_SESSION_TOKEN": "a-session-of-the-tests",
}
"""The variables that `aws configure export-credentials` exports, for SSO for example."""

LONG_TERM = SHORT_LIVED | {"AWS_SESSION_TOKEN": ""}


@pytest.mark.parametrize(
    ("auth", "environment", "status"),
    [
        ({}, SHORT_LIVED, "200"),
        ({}, LONG_TERM, "200"),
        ({}, SHORT_LIVED | {"AWS_SECRET_ACCESS_KEY": "another"}, "403"),
        (JWT, {"TOKEN": TOKEN}, "200"),
        (JWT, {"TOKEN": "another"}, "401"),
        ({"AuthMode": "NONE"}, {}, "200"),
    ],
)
def test_the_example_request_is_accepted_if_its_credentials_fit_the_auth_mode(
    tmp_path: Path, context: Any, auth: dict[str, str], environment: dict[str, str], status: str
) -> None:
    stack = deploy(**auth)
    (tmp_path / "your_face.jpg").write_bytes((PICTURES / "portrait.jpg").read_bytes())
    example = stack.outputs["CurlExample"]["Value"]
    assert example.startswith(FROM_THE_CLI) == (not auth)

    with gateway(stack, partial(handler, context=context)) as api:
        command = example.removeprefix(FROM_THE_CLI).replace("<HttpApi.ApiEndpoint>", api.url)
        command = re.sub(
            r"^curl", "curl --silent --output answer --write-out '%{http_code}'", command
        )
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )

    assert done.stdout == status
