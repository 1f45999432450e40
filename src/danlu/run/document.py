"""One self-contained HTML file: nothing is loaded from elsewhere, whatever its text holds; light and dark."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NOTHING = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, style: str, body: Iterable[str], *, script: str = "") -> str:
    """The whole file. title: plain text; style: CSS; body: lines of HTML; script: JavaScript, at the end."""
    policy = f"{_NOTHING}; script-src 'unsafe-inline'" if script else _NOTHING
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escaped(title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            *body,
            *((f"<script>\n{script}</script>",) if script else ()),
            "</body>",
            "</html>",
            "",
        )
    )


def escaped(text: str) -> str:
    """Text as HTML, in an attribute too; characters that HTML forbids are replaced."""
    return html.escape(_CONTROL.sub("�", text.replace("\r\n", "\n")), quote=True)
