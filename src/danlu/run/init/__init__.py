"""`danlu init`: from the user's own files to a recipe in which every line says why it is so."""

from danlu.run.init.prepare import Prepared, Wanted, claim, plan_of, prepare
from danlu.run.init.sources import SourceFile, read_sources, slug

__all__ = ["Prepared", "SourceFile", "Wanted", "claim", "plan_of", "prepare", "read_sources", "slug"]
