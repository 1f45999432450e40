"""The seven stages, in their order."""

from danlu.run.stages import base, data, evaluate, items, plan, report, train

STAGES = (base.STAGE, items.STAGE, plan.STAGE, data.STAGE, train.STAGE, evaluate.STAGE, report.STAGE)
