"""How accurate the planner is on publishers that it was not fitted to, against simpler rules and llm-analysis.

Leave one publisher out: for each, the constants of a target are fitted again on all others, and the publisher is
predicted with those. The figure is the mean over publishers of the median |predicted / actual - 1|. What the planner
says with the constants that it ships with, fitted on all publishers, is printed beside it. llm-analysis (Li 2023,
from the package index, in an environment of its own) predicts step time and memory of the same training rows at its
FLOP efficiency of 0.5; where it has no word on a row, both are compared on the rest.

    python benchmarks/plan_accuracy.py DATA [--quick] [--json] [--target step_time …] [--without-peer]

DATA: a folder with files of published runs (danlu plan --validate knows them by their headers).
"""

import argparse
import dataclasses
import json
import math
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from accuracy import asked as llm_analysis
from scipy.optimize import minimize

from danlu.compute.validation.case import TARGETS
from danlu.compute.validation.published import CONSTANTS, PREDICTORS, judge, read_cases
from danlu.compute.validation.score import score
from danlu.errors import DataError

ROWS_OF_A_SOURCE = 40  # that a fit looks at, drawn once: sources count equally, whatever their rows
FAR = 1.0  # of |log(predicted / actual)|: further away counts no more, so that no outlier leads the fit


def fitted(target, rows, evaluations):
    """Constants of the target with the least mean over sources of the mean absolute logarithm, from those in use.

    Nelder-Mead (1965) on the logarithms: constants are positive, and none is better known than to a factor.
    """
    start = CONSTANTS[target]
    names = [field.name for field in dataclasses.fields(start)]
    kept = drawn(rows)
    predict = PREDICTORS[target]

    def loss(logs):
        constants = dataclasses.replace(start, **dict(zip(names, map(math.exp, logs), strict=True)))
        return fmean(fmean(min(FAR, far(predict, case, constants)) for case in group) for group in kept.values())

    first = [math.log(getattr(start, name)) for name in names]
    simplex = [first, *([*first[:i], first[i] + 0.15, *first[i + 1 :]] for i in range(len(first)))]
    found = minimize(
        loss, first, method="Nelder-Mead", options={"maxfev": evaluations, "initial_simplex": simplex, "xatol": 0.01}
    )
    best = found.x if found.fun < loss(first) else first
    return dataclasses.replace(start, **dict(zip(names, map(math.exp, best), strict=True)))


def far(predict, case, constants):
    try:
        return abs(math.log(predict(case.question, constants).value / case.actual))
    except (ValueError, ArithmeticError):
        return FAR


def drawn(rows):
    """Source -> its cases, at most ROWS_OF_A_SOURCE of them."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.source].append(row.case)
    draw = random.Random(0)
    return {name: draw.sample(g, ROWS_OF_A_SOURCE) if len(g) > ROWS_OF_A_SOURCE else g for name, g in groups.items()}


def left_out(target, rows, evaluations):
    """Every judging row, predicted with constants that its publisher had no part in."""
    publishers = sorted({row.case.publisher for row in rows})
    said = []
    for publisher in publishers:
        constants = fitted(target, [row for row in rows if row.case.publisher != publisher], evaluations)
        print(f"  {target}: fitted without {publisher}", file=sys.stderr)
        for row in rows:
            if row.case.publisher == publisher:
                estimate = PREDICTORS[target](row.case.question, constants) if row.estimate else None
                said.append(dataclasses.replace(row, estimate=estimate))
    return said


def measured(target, rows, peer, evaluations):
    """All that is printed of one target."""
    judging = [row for row in rows if row.case.judges]
    predictable = [row for row in judging if row.estimate is not None]
    apart = left_out(target, predictable, evaluations)
    shipped, left = score(rows), score(apart)
    found = {
        "n": shipped.n,
        "coverage": shipped.predicted / max(shipped.n, 1),
        "shipped": shipped.mean_of_source_medians,
        "left_out": left.mean_of_source_medians,
        "left_out_p90": left.p90,
        "left_out_bias": left.bias,
        "left_out_interval_coverage": left.interval_coverage,
        "sources": {name: {"n": s.n, "left_out": s.median} for name, s in left.sources.items()},
        "yardsticks": dict(left.yardsticks),
    }
    theirs = peer.get(target, {})
    said = [
        dataclasses.replace(row, yardsticks=(("llm-analysis at 0.5", theirs[row.case.id]),))
        for row in apart
        if row.case.id in theirs
    ]
    if said:
        found["yardsticks"] |= score(said).yardsticks
    return found


def read(folder):
    """Every judged figure of the folder's files of published runs; other files are named and left."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        try:
            found += judge(read_cases(path))
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
    assert found, f"{folder} holds no file of published runs"
    return found


def shown(found):
    """The report as lines of text."""
    for target, f in found.items():
        yield f"{target}: {f['n']} figures, {f['coverage']:.0%} predicted"
        yield f"  constants in use, fitted on all publishers: {f['shipped']:.1%}"
        yield (
            f"  publisher left out of the fit: {f['left_out']:.1%}, p90 of rows {f['left_out_p90']:.1%}, "
            f"bias {f['left_out_bias']:+.1%}, {f['left_out_interval_coverage']:.0%} inside the 80% interval"
        )
        for name, source in f["sources"].items():
            yield f"    {source['left_out']:7.1%}  {source['n']:4d}  {name}"
        for name, y in f["yardsticks"].items():
            yield (
                f"  {name}: {y['mean_of_source_medians']:.1%}; danlu on the same {y['n']} rows "
                f"{y['danlu_on_the_same_rows']:.1%}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="few evaluations a fit")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--without-peer", action="store_true")
    options = parser.parse_args()
    started = time.process_time()
    rows = read(options.data)
    peer = {} if options.without_peer else llm_analysis.predictions([row.case for row in rows])
    found = {}
    for target in options.target:
        group = [row for row in rows if row.case.target == target]
        if group:
            found[target] = measured(target, group, peer, 60 if options.quick else 400)
    if options.json:
        ratios = {
            f"{target}: {name}": round(y["mean_of_source_medians"] / y["danlu_on_the_same_rows"], 2)
            for target, f in found.items()
            for name, y in f["yardsticks"].items()
        }
        report = {
            "name": "plan_accuracy",
            "same_work": True,  # identical rows, and the same error
            "ratios": ratios,  # how many times the error of danlu, with the publisher left out of its fit
            "peers": {"llm-analysis": llm_analysis.VERSION} if peer else {},
            "targets": found,
        }
        print(json.dumps(report))
    else:
        print("\n".join(shown(found)))
    print(f"{time.process_time() - started:.0f} CPU-seconds", file=sys.stderr)


if __name__ == "__main__":
    main()
