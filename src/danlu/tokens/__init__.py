"""Everything becomes tokens here: tokenizer, the renderer of messages, packed shards."""

from danlu.tokens.beginnings import shared_beginnings
from danlu.tokens.renderer import Rendered, Renderer, check_template
from danlu.tokens.shards import Document, Shards, write_shards
from danlu.tokens.template import Message
from danlu.tokens.tokenizer import Tokenizer

__all__ = [
    "Document",
    "Message",
    "Rendered",
    "Renderer",
    "Shards",
    "Tokenizer",
    "check_template",
    "shared_beginnings",
    "write_shards",
]
