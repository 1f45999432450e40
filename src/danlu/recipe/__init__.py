"""The frozen, typed description of a run, a file a stage. Unknown and unread keys raise."""

from danlu.recipe.base import Base, FreshBase, OpenBase
from danlu.recipe.data import (
    Data,
    Decontaminate,
    Deduplicate,
    FileSource,
    Filter,
    GeneratedSource,
    PassageSource,
    Source,
)
from danlu.recipe.evaluation import Evaluation, Guard, HeldOutScenario, TextScenario, TutorScenario
from danlu.recipe.load import load
from danlu.recipe.recipe import Recipe
from danlu.recipe.training import FullWeights, Lora, Optimizer, Schedule, Training
from danlu.recipe.write import dump

__all__ = [
    "Base",
    "Data",
    "Decontaminate",
    "Deduplicate",
    "Evaluation",
    "FileSource",
    "Filter",
    "FreshBase",
    "FullWeights",
    "GeneratedSource",
    "Guard",
    "HeldOutScenario",
    "Lora",
    "OpenBase",
    "Optimizer",
    "PassageSource",
    "Recipe",
    "Schedule",
    "Source",
    "TextScenario",
    "Training",
    "TutorScenario",
    "dump",
    "load",
]
