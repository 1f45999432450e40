"""Every run on record: recipe, plan, what really happened, lineage, verdict, goal, outcome, cause."""

from danlu.ledger.ledger import NAME, Ledger
from danlu.ledger.run import Run, Status

__all__ = ["NAME", "Ledger", "Run", "Status"]
