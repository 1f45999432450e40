"""Configurations and workloads that the tests of compute/ share."""

from danlu.compute import Questions, Scoring, Workload, cpu
from danlu.recipe import Training

SMOLLM2 = {
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}
QWEN_HALF_B = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
QWEN3_HALF_B = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
LAPTOP = cpu("a laptop", isa="avx512_bf16", cores=2, clock_hz=2.6e9, memory_bytes=16e9)


def training(**changes):
    return Training.model_validate({"optimizer": {"lr": 1e-3}, **changes})


def workload(**changes):
    own = {
        "tokens": 45_000,
        "supervised": 20_000,
        "document": 200,
        "max_length": 512,
        "rows": 225,
        "source": "a test",
        "questions": (Questions(60, 200, 96), Questions(60, 600, 96, arms=1)),
        "scoring": (Scoring(400, 47, 18),),
        "batch": 32,
    }
    return Workload(**{**own, **changes})
