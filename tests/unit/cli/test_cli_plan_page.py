"""The page is one file that loads nothing, reads as HTML, and shows the answer's own figures."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from danlu.cli.planned.page import page
from danlu.compute import plan
from danlu.compute.grid import Grid

VOID = {"meta", "input", "br", "link", "img"}


class Reader(HTMLParser):
    """Ids, labels and the texts of scripts; complains about elements that are closed in the wrong order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.labelled, self.inputs, self.scripts = [], [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in told:
            self.ids.append(told["id"])
        if tag == "label":
            self.labelled.add(told["for"])
        if tag == "input":
            self.inputs.add(told["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


@pytest.fixture(scope="module", params=["card", "cluster"])
def made(request):
    if request.param == "card":
        answer = plan("llama-3.1-8b", "RTX 4090", {"method": "qlora", "seq_len": "8k"}, compare=True)
    else:
        answer = plan("llama-3.1-8b", "16xH100", {"tokens": "100B", "serve": True})
    described = answer.to_json()
    text = page(described, Grid.around(answer).to_json())
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    return described, text, reader


def told(reader):
    return json.loads(reader.scripts[0])


def test_it_loads_nothing_from_elsewhere(made):
    _, text, _ = made
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(|fetch\(|XMLHttpRequest""", text)


def test_ids_are_unique_and_all_that_the_script_fills_are_there(made):
    _, _, reader = made
    assert len(reader.ids) == len(set(reader.ids))
    wanted = set(re.findall(r'\$\("([a-z0-9_-]+)"\)', reader.scripts[1]))
    assert wanted > {"verdict", "memory", "time", "layout"}
    assert wanted <= set(reader.ids)


def test_every_slider_has_a_label(made):
    _, _, reader = made
    assert {"devices", "batches", "precisions", "rent", "electricity"} <= reader.inputs
    assert reader.inputs <= reader.labelled


def test_the_verdict_and_every_assumption_stand_in_the_file_itself(made):
    described, text, reader = made
    plain = html.unescape(text)
    assert described["verdict"] in plain
    assert all(line in plain for line in described["assumptions"])
    assert all(formula["source"] in plain for formula in described["formulas"])
    grid = told(reader)["grid"]
    devices, batch, precision = grid["asked"]
    cell = grid["cells"][(devices * len(grid["batches"]) + batch) * len(grid["precisions"]) + precision]
    assert cell["memory"]["bytes"] == pytest.approx(described["memory"]["bytes"])
    assert cell["step_s"] == pytest.approx(described["step"]["time_s"])


def test_owning_and_energy_start_at_the_account_s_own_figures(made):
    described, _, reader = made
    page_told = told(reader)
    price = {each["key"]: each["value"] for each in page_told["prices"]}
    hours = described["money"]["device_hours"]
    kwh = hours * page_told["watts"] * price["node_factor"] * price["pue"] / 1e3
    assert kwh == pytest.approx(1e3 * described["power"]["energy_mwh"], rel=0.01)
    worked = price["years"] * 8766 * price["utilisation"] / 100
    hourly = page_told["owning"] * price["buy"] / price["gpu_share"] / worked
    assert hours * hourly + kwh * price["electricity"] == pytest.approx(described["money"]["own_usd"], rel=0.05)


def test_the_script_has_no_syntax_error(tmp_path):
    script = files("danlu.cli.planned").joinpath("page.js").read_text()
    for pair in ("()", "[]", "{}"):
        assert script.count(pair[0]) == script.count(pair[1])
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: brackets alone were counted")
    path = tmp_path / "page.js"
    path.write_text(script)
    subprocess.run([node, "--check", str(path)], check=True)


def test_a_name_cannot_end_the_script_element():
    answer = plan("llama-3.1-8b", "</script><b>:memory=80,bandwidth=2,bf16=400,watts=500", {"method": "lora"})
    text = page(answer.to_json(), Grid.around(answer).to_json())
    assert text.count("</script>") == 2
    assert "<b>" not in text.replace("<b></b>", "")
