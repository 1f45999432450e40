"""Tokens in, tokens out; and messages in, a message out. The two narrow seams that everything above sees."""

from danlu.generation.chat import ChatModel, LocalChat, Reply
from danlu.generation.endpoint import EndpointChat
from danlu.generation.engine import Engine
from danlu.generation.protocol import Completion, Generator, Sampling, Scored
from danlu.generation.score import score_texts

__all__ = [
    "ChatModel",
    "Completion",
    "EndpointChat",
    "Engine",
    "Generator",
    "LocalChat",
    "Reply",
    "Sampling",
    "Scored",
    "score_texts",
]
