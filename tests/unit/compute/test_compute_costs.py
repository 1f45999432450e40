"""compute/costs.py: what surrounds a run reaches the answer, and what a user tells changes it."""

import pytest

from danlu.compute import plan
from danlu.errors import RecipeError

RUN = ("llama-3.1-8b", "64xH100")


def asked(**told):
    return plan(*RUN, {"tokens": "200B", **told}).to_json()


def test_an_answer_has_faults_power_money_and_scaling():
    said = asked()
    hours = said["training"]["whole_s"]["value"] / 3600
    assert said["money"]["rent_usd"] == pytest.approx(64 * hours * 2.5, rel=1e-6)
    assert 0.9 < said["faults"]["goodput"] < 1
    assert said["power"]["energy_mwh"] > 0
    for part in ("faults", "power", "money", "scaling"):
        assert said[part]["lines"]


def test_a_price_that_is_told_is_the_one_that_is_paid():
    assert asked(rent_usd_h=5)["money"]["rent_usd"] == pytest.approx(2 * asked()["money"]["rent_usd"])


def test_worse_hardware_ends_later():
    said, worse = asked(), asked(mtbf_h=5_000)
    assert worse["training"]["whole_s"]["value"] > said["training"]["whole_s"]["value"]


def test_train_now_or_wait_is_answered_where_earnings_are_told():
    assert not any("rain now" in line for line in asked()["money"]["lines"])
    assert any("Train now" in line for line in asked(usd_a_year="5M")["money"]["lines"])
    assert any("Do not train" in line for line in asked(usd_a_year="1")["money"]["lines"])


def test_scarce_text_is_worth_less_than_new():
    scarce = [line for line in asked(unique_tokens="10B")["scaling"]["lines"] if "different tokens" in line]
    assert scarce
    assert "read 20.0 times" in scarce[0]
    assert not any("different tokens" in line for line in asked(unique_tokens="300B")["scaling"]["lines"])


def test_fine_tuning_has_no_scaling_law():
    tuned = plan("llama-3.1-8b", "RTX 4090", {"method": "qlora", "seq_len": "2k"}).to_json()
    assert tuned["scaling"]["lines"] == []


def test_an_assumption_out_of_its_bounds_is_a_sentence():
    with pytest.raises(RecipeError, match="pue"):
        asked(pue=0.5)


def test_a_checkpoint_of_adapters_is_their_weights_and_states():
    small, large = (
        plan("llama-3.1-8b", "RTX 4090", {"method": "qlora", "seq_len": "2k", "rank": rank}).to_json()["faults"]
        for rank in (8, 64)
    )
    assert large["write_s"] == pytest.approx(8 * small["write_s"])
    assert small["write_s"] > 0
