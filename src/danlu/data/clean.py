"""Rows that hold broken text are removed, and named. Nothing is rewritten: what stays is what was read."""

from __future__ import annotations

import re

from danlu.data.decisions import Removal
from danlu.data.row import Row
from danlu.data.wording import spoken, whole

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOST = "\ufffd"  # what a decoder writes for bytes that it could not read
# UTF-8 that was read as Windows-1252 and saved again: "Ã©" for "é", "â€™" for "’". An Ã before a space or quotation
# mark may end a Portuguese word in capitals, and stays.
_TWICE = re.compile(r"Ã[\x80-\x9f¡-ª¬-º¼-¿ƒ„†‡ˆ‰Š‹ŒŽ•˜™šœžŸ]|â(?:€|\x80)[\x80-\x9d™œž˜“”¦¢¹º]")


def clean(row: Row) -> Removal | None:
    """Remove a row that says nothing, or holds control characters (a NUL, say) or characters spoilt in decoding."""
    text = whole(row)
    if not spoken(row).strip():
        return Removal("says nothing")
    if found := _CONTROL.search(text):
        return Removal("control character", f"U+{ord(found.group()):04X}")
    if _LOST in text:
        return Removal("broken encoding", "U+FFFD")
    if found := _TWICE.search(text):
        return Removal("broken encoding", f"{found.group()!r} is UTF-8 read as another encoding")
    return None
