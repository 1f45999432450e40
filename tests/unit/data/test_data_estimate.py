"""The estimate that a plan is made from stands near what the build then counts."""

import json

import pytest

from danlu.data import build, estimate
from danlu.errors import DataError, TemplateError
from danlu.recipe import Data


def sources(tmp_path, rows, **more):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"name": "mine", "path": "rows.jsonl", "licence": "own", **more}
    return Data.model_validate({"sources": [source], "deduplicate": {"enabled": False}, "max_length": 400})


def talks(count):
    return [
        {
            "messages": [
                {"role": "user", "content": f"Tell me of {n}."},
                {"role": "assistant", "content": f"{n} is " + "odd or even " * (1 + n % 5)},
            ]
        }
        for n in range(count)
    ]


@pytest.mark.parametrize(("count", "share"), [(40, 1.0), (900, 1.0), (200, 2.0)])
def test_an_estimate_is_near_the_count(tmp_path, renderer, count, share):
    data = sources(tmp_path, talks(count), share=share)
    told = estimate(data, renderer=renderer, root=tmp_path)["mine"]
    data = data.model_copy(update={"filter": data.filter.model_copy(update={"max_repetition": 1.0})})
    card = build(data, tmp_path / "out", renderer=renderer, items={}, root=tmp_path)
    assert told.rows == count * share
    assert told.tokens == pytest.approx(card["num_tokens"], rel=0.001 if count <= 64 else 0.15)
    assert told.supervised_tokens == pytest.approx(card["num_supervised_tokens"], rel=0.001 if count <= 64 else 0.2)


def test_rows_of_a_generator_are_counted_from_a_sample(renderer):
    def recipe(rows):
        source = {"name": "tutor", "generator": "tutor", "rows": rows}
        return Data.model_validate({"sources": [source], "max_length": 4096})

    few, many = (estimate(recipe(n), renderer=renderer, root=None)["tutor"] for n in (64, 64_000))
    assert many.rows == 64_000
    assert many.tokens == pytest.approx(1000 * few.tokens, rel=1e-6)


def test_a_bad_row_is_named_before_anything_is_spent(tmp_path, renderer):
    bad = {"messages": [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "Hm."}]}
    with pytest.raises(TemplateError, match=r"rows.jsonl:4: message 0 spells"):
        estimate(sources(tmp_path, [*talks(3), bad]), renderer=renderer, root=tmp_path)


def test_data_of_which_no_row_fits_are_told_before_anything_is_spent(tmp_path, renderer):
    data = sources(tmp_path, talks(3)).model_copy(update={"max_length": 16})
    with pytest.raises(
        DataError, match=r"no row that was looked at fits: data.max_length is 16, the longest row has \d+"
    ):
        estimate(data, renderer=renderer, root=tmp_path)
