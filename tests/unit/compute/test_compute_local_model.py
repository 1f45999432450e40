import pytest
from plan_material import LLAMA_8B, QWEN3_HALF_B, QWEN_HALF_B, SMOLLM2, training

from danlu.compute.local.work import attention_flops, dense, forward, step, trained_parameters
from danlu.errors import CheckpointError


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (SMOLLM2, 134_515_008),
        (LLAMA_8B, 8_030_261_248),
        (QWEN_HALF_B, 494_032_768),
        (QWEN3_HALF_B, 596_049_920),
    ],
)
def test_parameters_are_the_published_ones(config, published):
    assert dense(config).num_parameters == published


@pytest.mark.parametrize("config", [SMOLLM2, QWEN_HALF_B, {**QWEN3_HALF_B, "tie_word_embeddings": False}])
def test_parameters_are_those_of_the_decoder(config):
    import torch

    from danlu.model import Decoder, DecoderConfig

    whole = {**config, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "num_hidden_layers": 2}
    with torch.device("meta"):
        decoder = Decoder(DecoderConfig.from_hf(whole))
    assert dense(whole).num_parameters == sum(p.numel() for p in decoder.parameters())


def test_scaling_law_parameters_leave_embeddings_out():
    assert dense(SMOLLM2).non_embedding_parameters == 134_515_008 - 49_152 * 576
    assert dense(LLAMA_8B).non_embedding_parameters == 8_030_261_248 - 2 * 128_256 * 4096


def test_adapters_train_rank_times_inputs_and_outputs():
    # a layer: q and o 576+576, k and v 576+192, gate and up 576+1536, down 1536+576
    layer = 2 * 1152 + 2 * 768 + 3 * 2112
    assert trained_parameters(dense(SMOLLM2), training()) == 30 * 16 * layer == 4_884_480
    attention = training(adapter={"kind": "lora", "rank": 4, "targets": "attention"})
    assert trained_parameters(dense(SMOLLM2), attention) == 30 * 4 * (2 * 1152 + 2 * 768)
    full = training(adapter={"kind": "full"})
    assert trained_parameters(dense(SMOLLM2), full) == 134_515_008


def test_flops_by_hand():
    model = dense(SMOLLM2)
    matrices, head = 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536), 49_152 * 576
    once = forward(model, tokens=1000, document=128, head_tokens=400)
    assert once.matrices == 2 * (matrices * 1000 + head * 400)
    assert once.attention == 4 * 30 * 576 * 128 * 1000  # 128 tokens are one block: computed in full

    full = step(model, training(adapter={"kind": "full"}), 1000, 100, 400)
    assert full.matrices == 6 * (matrices * 1000 + head * 400)
    lora = step(model, training(), 1000, 100, 400)
    assert lora.matrices == 4 * (matrices * 1000 + head * 400) + 6 * 4_884_480 * 1000
    again = step(model, training(recompute=True), 1000, 100, 400)
    assert again.matrices - lora.matrices == 2 * matrices * 1000


def test_long_documents_cost_half_of_their_square():
    model = dense(SMOLLM2)
    short, causal = attention_flops(model, 8192, 128), attention_flops(model, 8192, 8192)
    assert causal / short == pytest.approx((8192 + 128) / 2 / 128)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({k: v for k, v in SMOLLM2.items() if k != "hidden_size"}, "no 'hidden_size'"),
        ({**SMOLLM2, "num_local_experts": 8}, "does not train mixtures of experts"),
    ],
)
def test_a_configuration_of_unknown_size_is_one_sentence(config, words):
    with pytest.raises(CheckpointError, match=words):
        dense(config)
