"""A checkpoint's chat template: sandboxed Jinja with the settings that transformers documents for templates.

A template sees no clock: `strftime_now` gives one fixed day, so that the same messages always render the same.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from danlu.artefact import hash_value
from danlu.errors import TemplateError

Message = Mapping[str, Any]
BARE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""What stands for the template of a checkpoint that has none and reads plain text alone."""
_TODAY = datetime.date(2024, 7, 26)  # the day that Llama 3's template falls back to


class _Generation(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}`: a mark for trainers; its body is rendered as it stands."""

    tags = {"generation"}  # noqa: RUF012  jinja2's own interface

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Template:
    """Messages in, text out. Raises TemplateError with the template's own words where it objects."""

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        """source: the Jinja text. special: bos_token, eos_token, … as a template may write them."""
        self.sha256 = hash_value([source, dict(special), _TODAY.isoformat()])
        self._special = special
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols, _Generation]
        )
        environment.filters["tojson"] = _to_json
        environment.globals.update(raise_exception=_object, strftime_now=_TODAY.strftime)
        try:
            self._compiled = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"chat template, line {error.lineno}: {error.message}.") from error

    def render(
        self, messages: Sequence[Message], *, prompt: bool, tools: Sequence[Mapping[str, Any]] | None = None
    ) -> str:
        """Text of the messages; `prompt` adds what comes before an assistant's reply."""
        try:
            return self._compiled.render(messages=messages, tools=tools, add_generation_prompt=prompt, **self._special)
        except jinja2.TemplateError as error:
            raise TemplateError(f"the chat template objects: {str(error).rstrip('.')}.") from error
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise TemplateError(f"the chat template cannot render these messages ({error}).") from error


def _object(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    """Plain JSON: jinja2's own filter would escape characters for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
