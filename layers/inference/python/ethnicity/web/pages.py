"""The pages: static files, assembled on request, with a strict content security policy.

Each page is one response: on Lambda every further file would be another invocation, and on a first
visit even another cold start.
"""

import base64
import hashlib
import re
from pathlib import Path

from starlette.responses import HTMLResponse

STATIC = Path(__file__).with_name("static")

_STYLE = re.compile(r'<link rel="stylesheet" href="([\w.]+)">')
_SCRIPT = re.compile(r'<script src="([\w.]+)"></script>')
_PICTURE = re.compile(r'(?<= src=")examples/[\w.]+(?=")')
_INLINE = {kind: re.compile(f"<{kind}>(.*?)</{kind}>", re.DOTALL) for kind in ("script", "style")}


def page(name: str) -> HTMLResponse:
    """The response for a page of static/, read on request so that predictions start faster."""
    text = _with_its_parts(_read(name))
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


def _with_its_parts(html: str) -> str:
    """The page with its styles, scripts and pictures of static/ inlined."""
    html = _STYLE.sub(lambda link: f"<style>\n{_read(link[1])}</style>", html)
    html = _SCRIPT.sub(lambda script: f"<script>\n{_read(script[1])}</script>", html)
    return _PICTURE.sub(lambda picture: _data_url(STATIC / picture[0]), html)


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _data_url(jpeg: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.read_bytes()).decode()}"


def _policy(text: str) -> str:
    """A content security policy that allows the page's own scripts and styles by their hashes.

    The page may contact only its own origin and show only pictures in memory.
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
