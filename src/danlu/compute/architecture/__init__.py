"""How large a language model is, and what a token costs it."""

from danlu.compute.architecture.config import from_hf
from danlu.compute.architecture.known import KNOWN
from danlu.compute.architecture.names import find, lookup
from danlu.compute.architecture.shapes import Architecture, Experts, Latent, Matrix, State
from danlu.compute.architecture.sizes import of_size, size_in

__all__ = [
    "KNOWN",
    "Architecture",
    "Experts",
    "Latent",
    "Matrix",
    "State",
    "find",
    "from_hf",
    "lookup",
    "of_size",
    "size_in",
]
