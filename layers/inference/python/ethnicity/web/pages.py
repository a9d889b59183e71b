"""The two pages: static files, each let by its own headers do what it does and nothing else."""

import base64
import hashlib
import re
from pathlib import Path

from starlette.responses import HTMLResponse

_INLINE = {kind: re.compile(f"<{kind}>(.*?)</{kind}>", re.DOTALL) for kind in ("script", "style")}


def page(name: str) -> HTMLResponse:
    """The file beside this module, read when asked for: predictions do not pay for it."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    headers = {
        "cache-control": "max-age=300",
        "content-security-policy": _policy(text),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(text, headers=headers)


def _policy(text: str) -> str:
    """A content security policy for the page's own script and style, named by their hashes.

    It may ask its own origin and show pictures that are in memory: nothing is loaded from anywhere
    and nothing goes anywhere else.
    """
    hashes = {kind: " ".join(map(_hash, code.findall(text))) for kind, code in _INLINE.items()}
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes['script']}",
            f"style-src {hashes['style']}",
            "connect-src 'self'",
            "img-src blob: data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hash(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
