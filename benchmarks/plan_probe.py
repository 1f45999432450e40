"""A plan after a probe against the run itself: recipes/tutor-demo.yaml, shortened, and three variations of it.

For each variation (batch, length, rank): `danlu plan --probe`'s probe, the plan that follows from it, and a run in a
folder of its own, so that nothing is reused. Printed: predicted over actual for time, stage by stage, and for peak
memory; without a probe, with a probe of the first variation, and with its own. `ratios` are those with its own probe.
Needs an idle machine: waiting for a busy processor is not predicted.

    python benchmarks/plan_probe.py [--quick] [--json] [--full] [--threads N] [--recipe FILE] [key=value …]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from danlu.recipe import load
from danlu.run.planning import base_to_plan, plan_recipe
from danlu.run.probe import probe
from danlu.run.settle import fit_to_text

RECIPE = Path(__file__).parents[1] / "recipes" / "tutor-demo.yaml"
SHORTER = {
    "quick": ["training.max_tokens=12000", "evaluation.scenario.problems=16", "evaluation.guard.items=80"],
    "usual": ["training.max_tokens=24000", "evaluation.scenario.problems=32", "evaluation.guard.items=160"],
    "full": [],
}
VARIATIONS = {
    "as it is": [],
    "batch": ["training.batch_tokens=1024", "training.micro_batch_tokens=1024"],
    "length": ["data.max_length=1024"],
    "rank": ["training.adapter.rank=64"],
}


def planned(recipe, root, found):
    with base_to_plan(recipe, root) as (base, renderer):
        return plan_recipe(recipe, root=root, base=base, renderer=renderer, probe=found)


def carried_out(path, overrides):
    """What a run of the recipe took, in a folder that holds nothing else."""
    with tempfile.TemporaryDirectory(prefix="danlu-plan-probe-") as folder:
        command = [sys.executable, "-c", "from danlu.cli import main; main()", "run", str(path), *overrides, "--json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["stages"]


def compared(made, stages):
    """Predicted over actual, and whether the 80% interval holds the actual time."""
    took = {stage["name"]: stage["wall_s"] for stage in stages if stage["name"] != "plan"}
    actual_s, peak = sum(took.values()), max(stage["peak_rss_bytes"] for stage in stages)
    processor_s = sum(stage["cpu_s"] for stage in stages if stage["name"] != "plan")
    described = made.to_json()
    return {
        "time": made.time_s / actual_s,
        "memory": made.memory_bytes / peak,
        "inside": described["low_s"] <= actual_s <= described["high_s"],
        "stages": {s.name: s.time_s / took[s.name] for s in made.stages if took[s.name] > 1},
        "actual_s": actual_s,
        "actual_cpu_s": processor_s,
        "actual_bytes": peak,
    }


def measured(arguments):
    root, first, results = arguments.recipe.parent, None, {}
    shorter = SHORTER["quick" if arguments.quick else "full" if arguments.full else "usual"]
    threads = [] if arguments.threads is None else [f"threads={arguments.threads}"]
    for name, changes in VARIATIONS.items():
        overrides = [*shorter, *threads, *changes, *arguments.overrides]
        recipe = fit_to_text(load(arguments.recipe, overrides), root)
        found = probe(recipe, root)
        first = first or found
        plans = {"without": None, "another's": first.seen("base"), "own": found}
        made = {kind: planned(recipe, root, used) for kind, used in plans.items()}
        stages = carried_out(arguments.recipe, overrides)
        results[name] = {kind: compared(plan, stages) for kind, plan in made.items()}
        results[name]["probe_s"], results[name]["busy"] = found.took_s, found.busy
        show(name, results[name])
    return results


def show(name, result):
    for kind in ("without", "another's", "own"):
        row = result[kind]
        parts = ", ".join(f"{stage} {ratio:.2f}" for stage, ratio in row["stages"].items())
        inside = "" if row["inside"] else " (outside its interval)"
        print(
            f"{name:10} {kind:10} time {row['time']:.3f}{inside}, memory {row['memory']:.3f}; {parts}",
            file=sys.stderr,
        )
    own = result["own"]
    print(
        f"{name:10} took {own['actual_s']:.0f} s ({own['actual_cpu_s']:.0f} s of processor time) and "
        f"{own['actual_bytes'] / 1e9:.2f} GB; its probe took {result['probe_s']:.0f} s, others had "
        f"{result['busy']:.0%} of the processor meanwhile",
        file=sys.stderr,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="key=value, for every variation")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="still shorter runs")
    parser.add_argument("--full", action="store_true", help="the whole recipe each time")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measured(arguments)
    ratios = {f"{name}: {what}": row["own"][what] for name, row in results.items() for what in ("time", "memory")}
    if arguments.json:
        print(json.dumps({"name": "plan_probe", "ratios": ratios, "same_work": True, "runs": results}))
        return
    for what, ratio in ratios.items():
        print(f"{what:20} predicted / actual {ratio:.3f}")


if __name__ == "__main__":
    main()
