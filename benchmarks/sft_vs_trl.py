"""The tutor's fine-tuning (recipes/tutor-demo.yaml): `danlu run`'s training stage against TRL's SFTTrainer at its best.

Both train the same LoRA on the same documents in the same order, with the same supervised tokens, learning rates and
tokens a step, in bf16, each in a process of its own with the same threads and the same settings of torch's libraries.
TRL is first tried in several ways, and races in its fastest. Then both take turns, each turn with other initial
adapters. Counted are real tokens per CPU-second of the process and its children over the optimiser steps after the
first, which warms up (imports, loading and compiling are left out on both sides), and the most memory of the whole
process. `same_work`: every document and every learned place is the same, as seen by the model's side of each collator;
the adapters have as many parameters; and the losses, of all steps and of the last third, differ no more than seeds do.

    python benchmarks/sft_vs_trl.py [--quick] [--json] [--threads N] [--python PATH] [--rounds N] [--steps N]

TRL gets an environment of its own in the cache folder, made the first time; --python names an existing interpreter.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sft.course import described, flop_per_token, prepared
from sft.meter import rss_bytes
from silent.peers.venv import python_of, versions_of

from danlu.run.machine import prepare_libraries, this_machine

HERE = Path(__file__).parent / "sft"
WARM_UP = 1  # steps
LIMIT_S = 3600  # compiling thirty layers alone takes many minutes
PARTS = {"all steps": 0.0, "the last third": 2 / 3}  # where losses are compared: from which share of the steps on
ROUNDING = 0.01  # nats: what bf16 kernels that differ do to a loss, beside the seed
SPREAD = 0.5  # nats: between the losses of documents

UNPACKED, PACKED = "one document a pass", "one pack a pass"
VARIANTS = {
    UNPACKED: {},
    PACKED: {"packed": True},
    "one document, checkpointing (TRL's default)": {"checkpointing": True},
    "one document, eager attention": {"attention": "eager"},
    "one document, no autocast": {"autocast": False},
    "4 documents, padded": {"rows": 4},
    "3 documents, padding-free": {"rows": 3, "flat": True},
    "4 packs a pass": {"packed": True, "rows": 4},
    "one document, compiled": {"compiled": True, "pad_to": 64},
    "one pack, compiled": {"packed": True, "compiled": True, "pad_to": 512},
}
QUICK = (UNPACKED, PACKED)


class FailedError(Exception):
    """A side's process ended badly; the text is its last line."""


def run(command, out, environment):
    """Run to its end; returns what the side wrote, with the most memory that it and its children held together."""
    log = out.with_suffix(".log")
    with log.open("w") as said:
        began, most = time.monotonic(), 0
        process = subprocess.Popen(list(map(str, command)), stdout=said, stderr=said, env=environment)
        while process.poll() is None:
            most = max(most, rss_bytes(process.pid))
            if time.monotonic() - began > LIMIT_S:
                process.kill()
                process.wait()
                raise FailedError(f"not done after {LIMIT_S} s")
            time.sleep(0.2)
    if process.returncode:
        raise FailedError((log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1])
    side = json.loads(out.read_text())
    return side | {"peak_memory_bytes": max(most, side["high_water_bytes"])}


class Race:
    """The course on disk, and how each side is started. threads: of either."""

    def __init__(self, folder, threads, python):
        self.folder, self.threads, self.python = folder, threads, python
        self.run_folder = folder / "run"
        self.course = described(prepared(self.run_folder, threads))
        (folder / "course.json").write_text(json.dumps(self.course))
        self.steps = len(self.course["steps"])
        self._number = 0

    def ours(self, seed, until):
        settings = {"until": until, "threads": self.threads, "seed": seed}
        return self._start(sys.executable, "ours.py", self.run_folder, settings)

    def peer(self, variant, seed, until):
        settings = VARIANTS[variant] | {"until": until, "threads": self.threads, "seed": seed}
        return self._start(self.python, "peer.py", self.folder / "course.json", settings)

    def gemm(self):
        ran = subprocess.run(
            [sys.executable, str(HERE / "gemm.py"), str(self.threads)], capture_output=True, text=True, check=True
        )
        return float(ran.stdout)

    def _start(self, python, script, source, settings):
        self._number += 1
        out = self.folder / f"{self._number}-{script}.json"
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
        return run([python, HERE / script, source, json.dumps(settings), out], out, environment)


def rates(side, warm_up=WARM_UP):
    """Real tokens per CPU-second and per second over the steps after the warm-up, and the peak in bytes."""
    first, last = side["ends"][warm_up - 1], side["ends"][-1]
    tokens = sum(step["tokens"] for step in side["steps"][warm_up : len(side["ends"])])
    return {
        "tokens_per_cpu_s": tokens / (last["cpu_s"] - first["cpu_s"]),
        "tokens_per_s": tokens / (last["wall_s"] - first["wall_s"]),
        "peak_memory_bytes": side["peak_memory_bytes"],
    }


def tried(race, names, steps, say):
    """Every variant's rates; compiled ones warm up until shapes stop being new, and only the last step counts."""
    found = {}
    for name in names:
        extra = 2 if VARIANTS[name].get("compiled") else 0
        try:
            side = race.peer(name, 0, steps + extra)
        except FailedError as why:
            found[name] = {"failed": str(why)}
            say(f"TRL, {name}: {why}")
            continue
        found[name] = rates(side, WARM_UP + extra) | {"leak": side["leak"]}
        say(f"TRL, {name}: {shown(found[name])}")
    return found


def reached(side, start):
    """Steps done from that share of them on: (loss, supervised tokens, keys of their documents) of each."""
    done = list(zip(side["losses"], side["steps"], strict=False))
    return [(loss, step["supervised"], step["documents"]) for loss, step in done[round(start * len(done)) :]]


def mean_loss(side, start):
    """Over the supervised tokens of these steps, in nats."""
    found = reached(side, start)
    return sum(loss * count for loss, count, _ in found) / sum(count for _, count, _ in found)


def losses_of(ours, peer, start):
    """Mean losses by seed, how far apart the sides are, and how far they may be.

    Allowed is what seeds do, what rounding does, and the documents that one side alone had in these steps: TRL takes
    the same number of rows each step, so its steps may end a document sooner or later than danlu's.
    """
    means = {"danlu": [mean_loss(side, start) for side in ours], "trl": [mean_loss(side, start) for side in peer]}
    mine, theirs = ({key for *_, keys in reached(side, start) for key in keys} for side in (ours[0], peer[0]))
    noise = max(max(values) - min(values) for values in means.values())
    allowed = noise + ROUNDING + SPREAD * len(mine ^ theirs) / len(mine | theirs)
    apart = abs(statistics.mean(means["danlu"]) - statistics.mean(means["trl"]))
    return means | {"apart": apart, "seed_noise": noise, "allowed": allowed}


def compared(ours, peer):
    """Were both made to do the same, and did the same come out?"""
    losses = {name: losses_of(ours, peer, start) for name, start in PARTS.items()}
    fed = [sorted(key for step in side["steps"] for key in step["documents"]) for side in (ours[0], peer[0])]
    checks = {
        "documents": fed[0] == fed[1],
        "tokens": total(ours[0], "tokens") == total(peer[0], "tokens"),
        "supervised tokens": total(ours[0], "supervised") == total(peer[0], "supervised"),
        "trained parameters": ours[0]["trained"] == peer[0]["trained"],
        **{f"loss of {name}": found["apart"] <= found["allowed"] for name, found in losses.items()},
    }
    return checks, losses


def total(side, what):
    return sum(step[what] for step in side["steps"])


def main():
    options = parsed()
    if options.python:
        os.environ["DANLU_PEER_TRL"] = options.python
    prepare_libraries()  # for both sides: they inherit it
    python = python_of("trl")
    say = (lambda _: None) if options.json else (lambda text: print(text, flush=True))
    with tempfile.TemporaryDirectory(prefix="sft-vs-trl-") as folder:
        race = Race(Path(folder), options.threads, python)
        result = raced(race, options, say)
    result["versions"] = versions_of("trl", python)
    print(json.dumps(result)) if options.json else table(result, say)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="TRL's two best variants, two rounds of four steps")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=this_machine().physical_cores)
    parser.add_argument("--python", help="an interpreter that has TRL, instead of a fresh environment")
    parser.add_argument("--steps", type=int, help="steps of a turn (all; 4 with --quick)")
    parser.add_argument("--rounds", type=int, help="turns of either side (3; 2 with --quick)")
    return parser.parse_args()


def raced(race, options, say):
    variants = tried(race, QUICK if options.quick else VARIANTS, WARM_UP + 1, say)
    able = {name: found for name, found in variants.items() if "failed" not in found}
    best = max(able, key=lambda name: able[name]["tokens_per_cpu_s"])
    until = options.steps or (4 if options.quick else race.steps)
    leanest = min(able, key=lambda name: able[name]["peak_memory_bytes"])
    ours, peer, gemm = [], [], []
    for seed in range(options.rounds or (2 if options.quick else 3)):
        gemm.append(race.gemm())
        ours.append(race.ours(seed, until))
        say(f"danlu, turn {seed + 1}: {shown(rates(ours[-1]))}")
        peer.append(race.peer(best, seed, until))
        say(f"TRL, {best}, turn {seed + 1}: {shown(rates(peer[-1]))}")
    gemm.append(race.gemm())
    checks, losses = compared(ours, peer)
    flop, ceiling = flop_per_token(race.course), statistics.median(gemm)
    peers = {"danlu": middle(ours), "trl": middle(peer) | {"variant": best}}
    for facts in peers.values():
        facts["share_of_gemm"] = facts["tokens_per_cpu_s"] * flop / 1e9 / ceiling
    return {
        "name": "sft_vs_trl",
        "ratios": {
            "tokens_per_cpu_s": peers["danlu"]["tokens_per_cpu_s"] / peers["trl"]["tokens_per_cpu_s"],
            "tokens_per_s": peers["danlu"]["tokens_per_s"] / peers["trl"]["tokens_per_s"],
            "peak_memory": peers["danlu"]["peak_memory_bytes"] / peers["trl"]["peak_memory_bytes"],
            "peak_memory_of_leanest": peers["danlu"]["peak_memory_bytes"] / able[leanest]["peak_memory_bytes"],
        },
        "same_work": all(checks.values()),
        "checks": checks,
        "losses": losses,
        "peers": peers,
        "variants": variants,
        "leanest": leanest,
        "curves": {"danlu": [side["losses"] for side in ours], "trl": [side["losses"] for side in peer]},
        "threads": race.threads,
        "steps": {"raced": until, "of": race.steps},
        "gflop_per_token": flop / 1e9,
        "gemm_bf16_gflop_per_cpu_s": ceiling,
        "machine": this_machine().name,
    }


def middle(sides):
    """Medians over the turns, the range of the rate, and the largest peak."""
    found = [rates(side) for side in sides]
    values = [one["tokens_per_cpu_s"] for one in found]
    return {
        "tokens_per_cpu_s": statistics.median(values),
        "range": [min(values), max(values)],
        "tokens_per_s": statistics.median(one["tokens_per_s"] for one in found),
        "peak_memory_bytes": max(one["peak_memory_bytes"] for one in found),
    }


def shown(found):
    return (
        f"{found['tokens_per_cpu_s']:.0f} tokens per CPU-second, {found['tokens_per_s']:.0f} per second, "
        f"{found['peak_memory_bytes'] / 1e9:.2f} GB"
    )


def table(result, say):
    peers, ratios, steps, versions = (result[name] for name in ("peers", "ratios", "steps", "versions"))
    say(f"\n{result['machine']}, {result['threads']} threads, {steps['raced']} of {steps['of']} steps")
    say(f"TRL {versions['trl']}, transformers {versions['transformers']}: {peers['trl']['variant']}")
    say(f"{'':8}{'tokens/CPU-s':>14}{'(range)':>14}{'tokens/s':>10}{'peak GB':>9}{'of GEMM':>9}")
    for name, facts in peers.items():
        span = f"({facts['range'][0]:.0f}–{facts['range'][1]:.0f})"
        say(
            f"{name:8}{facts['tokens_per_cpu_s']:14.0f}{span:>14}{facts['tokens_per_s']:10.0f}"
            f"{facts['peak_memory_bytes'] / 1e9:9.2f}{facts['share_of_gemm']:9.0%}"
        )
    say(
        f"{'ratio':8}{ratios['tokens_per_cpu_s']:13.2f}×{'':14}{ratios['tokens_per_s']:9.2f}×"
        f"{ratios['peak_memory']:8.2f}×"
    )
    leaks = [found["leak"] for found in result["variants"].values() if found.get("leak") is not None]
    say(
        f"least memory of TRL's variants: {result['leanest']}, of which danlu takes "
        f"{ratios['peak_memory_of_leanest']:.2f}×; its packed documents move by {max(leaks, default=0.0):.1g} when the "
        "one before them changes"
    )
    gemm, flop = result["gemm_bf16_gflop_per_cpu_s"], result["gflop_per_token"]
    say(
        f"bf16 GEMM {gemm:.0f} GFLOP per CPU-second, {flop:.3f} GFLOP a token: "
        f"no more than {gemm / flop:.0f} tokens per CPU-second"
    )
    for part, found in result["losses"].items():
        sides = "; ".join(f"{name} {', '.join(f'{v:.4f}' for v in found[name])}" for name in peers)
        say(f"loss of {part}, by seed: {sides}; apart {found['apart']:.4f}, of {found['allowed']:.4f} allowed")
    say(f"same work: {result['same_work']}")
    for name, passed in result["checks"].items():
        if not passed:
            say(f"NOT the same: {name}")


if __name__ == "__main__":
    main()
