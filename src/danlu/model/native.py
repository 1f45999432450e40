"""kernels.c as functions, where this machine has a C compiler. Without one torch's own operations do the same work,
slower (kernels.py)."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from danlu.compiler import compiled

_SOURCE = Path(__file__).with_name("kernels.c")

_P, _L, _F, _I = ctypes.c_void_p, ctypes.c_long, ctypes.c_float, ctypes.c_int
_SIGNATURES = {
    "norm": (_P, _P, _P, _P, _L, _L, _F, _I),
    "norm_grad": (_P, _P, _P, _P, _P, _L, _L, _I),
    "norm_weight_grad": (_P, _P, _P, _P, _L, _L, _I),
    "swiglu": (_P, _P, _P, _L, _I),
    "swiglu_grad": (_P, _P, _P, _P, _P, _L, _I),
    "gather": (_P, _P, _P, _P, _P, _L, _L, _L, _L, _L, _I),
    "scatter": (_P, _P, _P, _P, _P, _L, _L, _L, _L, _L, _I),
    "causal_softmax": (_P, _L, _L, _L, _L, _L, _F, _I),
    "softmax_grad": (_P, _P, _L, _L, _F, _I),
    "cross_entropy": (_P, _P, _P, _L, _L, _I),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None without a compiler, or where what it made cannot be loaded (its OpenMP is gone)."""
    path = compiled(_SOURCE)
    if path is None:
        return None
    try:
        found = ctypes.CDLL(str(path))
    except OSError:
        return None
    for name, arguments in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, None
    return found
