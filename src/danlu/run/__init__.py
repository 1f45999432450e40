"""Carries a recipe out, stage by stage: base → items → plan → data → train → evaluate → report."""
