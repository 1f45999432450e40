"""Environments of the peers: an interpreter that someone names, or one that pip fills in a cache folder.

`DANLU_PEER_TRL=/path/to/python` (LLAMAFACTORY, AXOLOTL, LLM_ANALYSIS) names an existing one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

CACHE = Path.home() / ".cache" / "danlu" / "benchmarks"
TORCH = "torch==2.13.0"
PINNED = {  # the peer itself first
    "trl": ["trl==1.16.0", TORCH, "transformers==5.24.0", "peft==0.21.2", "accelerate==1.15.0", "datasets==5.2.0"],
    "llamafactory": [
        "llamafactory==0.9.5",
        TORCH,
        "transformers==5.6.0",
        "peft==0.18.1",
        "trl==0.24.0",
        "datasets==4.0.0",
    ],
    "axolotl": ["axolotl==0.19.0", TORCH, "transformers==5.16.1", "peft==0.20.0", "trl==1.9.0", "datasets==4.8.4"],
    "llm_analysis": ["llm-analysis==0.2.2"],
}
VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


class NotHereError(Exception):
    """The peer does not run on this machine; the text says why."""


def python_of(peer):
    """The peer's interpreter. Makes its environment the first time, which takes minutes.

    Raises NotHereError where the named interpreter is missing or pip cannot install the peer.
    """
    variable = f"DANLU_PEER_{peer.upper()}"
    if named := os.environ.get(variable):
        if not Path(named).exists():
            raise NotHereError(f"{variable}={named}: no such file")
        return Path(named)
    folder = CACHE / f"venv-{peer}"
    python, done = folder / "bin" / "python", folder / "installed.json"
    if not done.exists() or json.loads(done.read_text()) != PINNED[peer]:
        _call([sys.executable, "-m", "venv", "--clear", str(folder)], "venv")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if TORCH in PINNED[peer]:
            _call([*pip, TORCH], "pip")  # first, so that a peer's wish for another build of torch is seen to be met
        _call([*pip, *PINNED[peer]], "pip")
        _leave_out_cuda_parts(folder, python)
        done.write_text(json.dumps(PINNED[peer]))
    return python


def versions_of(peer, python):
    """Versions of the peer and of what it is pinned with, asked of its own environment."""
    names = [pin.split("==")[0] for pin in PINNED[peer]]
    ran = _call([str(python), "-c", VERSIONS, *names], "python")
    return json.loads(ran.stdout)


def _leave_out_cuda_parts(folder, python):
    """torchvision and torchaudio come built for CUDA and do not load beside torch for CPUs; text needs neither.

    transformers does without torchvision; LLaMA-Factory imports torchaudio, whose Python part is enough for that.
    """

    def loads(module):
        return subprocess.run([str(python), "-c", f"import {module}"], capture_output=True, check=False).returncode == 0

    if list(folder.glob("lib/python*/site-packages/torchvision")) and not loads("torchvision"):
        _call([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "torchvision"], "pip")
    if list(folder.glob("lib/python*/site-packages/torchaudio")) and not loads("torchaudio"):
        for native in folder.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
            native.unlink()


def _call(command, what):
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        lines = [line for line in ran.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise NotHereError(f"{what} failed: {lines[-1] if lines else ran.returncode}")
    return ran
