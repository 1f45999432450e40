"""The race of sft_vs_trl.py: its course, danlu's side, TRL's side, and what both are measured with."""
