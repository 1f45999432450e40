"""Failures that nobody sees: what danlu, TRL, LLaMA-Factory and Axolotl do with small inputs that go wrong in silence.

Each case of silent/cases_*.py is a fixture written by code. danlu runs on it in this process, each peer for real in an
environment of its own; what they did is judged by ids, masks, losses and weights. And good inputs of many shapes, on
which danlu must be quiet. Prints a table; a run with peers writes it into docs/refusals.md.

    python benchmarks/silent_failures.py [--quick] [--peers trl,llamafactory,axolotl] [--json]
"""

import argparse
import json
import re
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from silent import every, good, peers
from silent.case import CAUGHT, Finding

DOCS = Path(__file__).parents[1] / "docs" / "refusals.md"
BEGIN, END = "<!-- written by benchmarks/silent_failures.py -->", "<!-- /written -->"
NAMES = {"trl": "TRL", "llamafactory": "LLaMA-Factory", "axolotl": "Axolotl"}
PATH = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]+/)+")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 240


def shown(finding, folder):
    """A finding without this machine's paths, on one line."""
    said = PATH.sub("", finding.said.replace(f"{folder}/", "").replace(str(folder), "."))
    said = " ".join(COLOURS.sub("", said).split())
    return Finding(finding.outcome, said if len(said) <= LONGEST else said[: LONGEST - 1] + "…", finding.refusal)


def ours(cases, place):
    """danlu on every case. A case that breaks counts as missed, with its traceback on standard error."""
    found = {}
    for case in cases:
        folder = place / "danlu" / case.name
        folder.mkdir(parents=True)
        try:
            case.fixture(folder)
            found[case.name] = shown(case.danlu(folder), folder)
        except Exception as error:  # noqa: BLE001  the table must say it, not end
            traceback.print_exc()
            found[case.name] = Finding("missed", f"the case broke: {type(error).__name__}: {error}")
    return found


def theirs(peer, cases, place):
    """A peer on every case that concerns it."""
    found = {c.name: reason(c.peer) for c in cases if isinstance(c.peer, str)}
    asked = [case for case in cases if not isinstance(case.peer, str)]
    folders = []
    for case in asked:
        folder = place / "peers" / case.name
        if not folder.exists():
            folder.mkdir(parents=True)
            case.fixture(folder)
        folders.append((folder, set(case.want)))
    for case, (folder, _), run in zip(asked, folders, peers.run_many(peer, folders), strict=True):
        try:
            found[case.name] = shown(case.peer(run), folder)
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            found[case.name] = Finding("not run here", f"could not be judged: {type(error).__name__}: {error}")
    return found


def reason(text):
    """Why a case does not concern peers, or why it was not put to them."""
    said = text.removeprefix("not run here: ")
    return Finding("not applicable" if said == text else "not run here", said)


def quiet(place):
    """danlu on good inputs: name → finding, handled where it was quiet."""
    found = {}
    for one in good.GOOD:
        folder = place / "good" / one.name
        folder.mkdir(parents=True)
        found[one.name] = shown(good.quiet(one, folder), folder)
    return found


def caught(findings):
    """(caught or handled, cases that apply) of one column."""
    applies = [f for f in findings.values() if f.outcome not in {"not applicable", "not run here"}]
    return sum(f.outcome in CAUGHT for f in applies), len(applies)


def label(finding):
    """A cell of the table."""
    return finding.outcome if finding.refusal is None else f"{finding.outcome} ({finding.refusal})"


def summary(columns, fine):
    """A sentence each: who caught how many, and how often danlu spoke where nothing was wrong."""
    for name, findings in columns.items():
        right, applies = caught(findings)
        kinds = Counter(f.outcome for f in findings.values())
        counts = ", ".join(f"{kinds[kind]} {kind}" for kind in kinds)
        share = f"{right / applies:.0%}" if applies else "–"
        yield f"{name}: caught or handled {right} of {applies} ({share}); {counts}."
    false = [name for name, finding in fine.items() if finding.outcome != "handled"]
    told = f": {', '.join(false)}" if false else ""
    share = f"{len(false) / len(fine):.1%}"
    yield f"danlu on {len(fine)} good inputs: {len(false)} false refusals or notes ({share}){told}."


def versions(names):
    """name → versions in words, of the peers that ran; why not, of the others."""
    from silent.peers.venv import NotHereError, python_of, versions_of

    found = {}
    for peer in names:
        try:
            found[peer] = ", ".join(f"{name} {number}" for name, number in versions_of(peer, python_of(peer)).items())
        except NotHereError as why:
            found[peer] = str(why)
    return found


def page(cases, columns, fine, told):
    """The part of docs/refusals.md: totals, a table of outcomes, then the evidence for each."""
    heads = [name if name == "danlu" else NAMES[name] for name in columns]
    lines = [BEGIN, "", *(f"- {line}" for line in summary(dict(zip(heads, columns.values(), strict=True)), fine))]
    lines += [f"- {NAMES[peer]}: {version}." for peer, version in told.items()]
    lines += ["", f"| case | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for case in cases:
        cells = (label(findings[case.name]) for findings in columns.values())
        lines.append(f"| [{case.name}](#{case.name}) | {' | '.join(cells)} |")
    for case in cases:
        thread = f" [Where it hurt.]({case.thread})" if case.thread else ""
        lines += ["", f"#### {case.name}", "", f"{case.failure} Seen by: {case.seen}{thread}", ""]
        for name, findings in columns.items():
            finding = findings[case.name]
            who = name if name == "danlu" else NAMES[name]
            lines.append(f"- {who}, {label(finding)}: {escaped(finding.said)}")
    return "\n".join([*lines, "", END])


def escaped(text):
    """Markdown shows a sentence as it was said."""
    return re.sub(r"([\\`*_{}<>|])", r"\\\1", text)


def write(part):
    """Put the part between the marks of docs/refusals.md."""
    whole = DOCS.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN)
    _, after = rest.split(END)
    DOCS.write_text(before + part + after, encoding="utf-8")


def described(cases, columns, fine, told, seconds):
    """As JSON."""
    rows = [
        {
            "name": case.name,
            "refusal": case.refusal,
            "thread": case.thread,
            **{
                name: {"outcome": f[case.name].outcome, "refusal": f[case.name].refusal, "said": f[case.name].said}
                for name, f in columns.items()
            },
        }
        for case in cases
    ]
    shares = {name: caught(findings) for name, findings in columns.items()}
    false = [name for name, finding in fine.items() if finding.outcome != "handled"]
    return {
        "name": "silent_failures",
        "ratios": {name: right / applies if applies else None for name, (right, applies) in shares.items()},
        "same_work": True,
        "peers": told,
        "false_refusals": {"of": len(fine), "names": false, "share": len(false) / len(fine)},
        "cases": rows,
        "good": {name: {"outcome": f.outcome, "said": f.said} for name, f in fine.items()},
        "cpu_s": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="danlu alone; docs/refusals.md stays as it is")
    parser.add_argument("--peers", default=",".join(peers.PEERS), help="which peers, with commas")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.process_time()
    cases = every.cases()
    asked = [] if options.quick else [name for name in options.peers.split(",") if name]
    with tempfile.TemporaryDirectory(prefix="silent-") as holder:
        place = Path(holder)
        columns = {"danlu": ours(cases, place)}
        columns |= {peer: theirs(peer, cases, place) for peer in asked}
        fine = quiet(place)
    told = versions(asked)
    if asked:
        write(page(cases, columns, fine, told))
    if options.json:
        print(json.dumps(described(cases, columns, fine, told, time.process_time() - began), ensure_ascii=False))
        return
    for case in cases:
        print(f"{case.name:40}", *(f"{label(findings[case.name]):15}" for findings in columns.values()))
        if columns["danlu"][case.name].outcome == "missed":
            print("    ", columns["danlu"][case.name].said)
    for name, finding in fine.items():
        if finding.outcome != "handled":
            print(f"good, and yet: {name}: {finding.said}")
    print(*summary(columns, fine), sep="\n")


if __name__ == "__main__":
    main()
