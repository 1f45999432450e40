"""One row on its way from a source to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A dialogue (`messages`, with `tools` if there are any) or plain `text`, and where it was read.

    row_id: unique in a run, "source:number". where: "file:line" for complaints.
    """

    row_id: str
    source: str
    where: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def content(self) -> str:
        """All that is said, for statistics, copies and overlaps."""
        if self.text is not None:
            return self.text
        return "\n".join(m["content"] for m in self.messages if isinstance(m.get("content"), str))
