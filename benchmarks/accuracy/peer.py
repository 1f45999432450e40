"""Runs inside llm-analysis' own environment: jobs as JSON lines in, its step time and memory of each out.

Its defaults stand, with FLOP efficiency 0.5 as its paper advises; what a row does not say is left to it. A job that
it refuses (an assertion, a division) has no answer.
"""

import contextlib
import io
import json
import logging
import sys

from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis
from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig, ParallelismConfig

ZERO = {"none": DSZeRO.NONE, "zero1": DSZeRO.STAGE_1, "zero2": DSZeRO.STAGE_2, "zero3": DSZeRO.STAGE_3}
RECOMPUTE = {
    "none": ActivationRecomputation.NONE,
    "selective": ActivationRecomputation.SELECTIVE,
    "full": ActivationRecomputation.FULL,
}


def answer(job):
    model = ModelConfig(**job["model"])
    analysis = LLMAnalysis(
        model,
        GPUConfig(**job["gpu"]),
        DtypeConfig(name="w16a16e32", weight_bits=16, activation_bits=16, embedding_bits=32),
        ParallelismConfig(**job["parallelism"]),
        flops_efficiency=0.5,
    )
    said = analysis.training(
        batch_size_per_gpu=job["micro"],
        global_batch_size=job["sequences"],
        seq_len=model.max_seq_len,
        total_num_tokens=job["sequences"] * model.max_seq_len,
        activation_recomputation=RECOMPUTE[job["recompute"]],
        ds_zero=ZERO[job["sharding"]],
        flash_attn=job["flash"],
        mlp_gated_linear_units=job["gated"],
    )
    memory = said["(weight+op_state+grad)_memory_per_gpu"] + said["activation_memory_per_gpu"]
    return {"step_time": said["latency_per_iter"], "memory": memory}


def main():
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        job = json.loads(line)
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                said = answer(job)
            except (AssertionError, ArithmeticError, TypeError, ValueError) as error:
                said = {"refused": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps({"id": job["id"], **said}), flush=True)


main()
