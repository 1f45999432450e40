"""The decoder, its checkpoint in Hugging Face format, attention over packed documents, adapters."""

from danlu.model.attention import Attend, PackedAttention
from danlu.model.checkpoint import load, save, weights_sha256
from danlu.model.config import DecoderConfig
from danlu.model.decoder import Decoder

__all__ = ["Attend", "Decoder", "DecoderConfig", "PackedAttention", "load", "save", "weights_sha256"]
