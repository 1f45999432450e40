"""llm-analysis asked about the same jobs, in an environment of its own (DANLU_PEER_LLM_ANALYSIS names another one)."""

import json
import math
import subprocess
from collections import defaultdict
from pathlib import Path

from silent.peers.venv import PINNED, python_of

VERSION = PINNED["llm_analysis"][0]


def predictions(cases):
    """Target -> id -> what it says, of each case whose question is a training job."""
    asked = {case.id: case for case in cases if case.target in {"step_time", "memory"} and case.question is not None}
    lines = "".join(f"{json.dumps(job_of(case))}\n" for case in asked.values())
    command = [python_of("llm_analysis"), Path(__file__).with_name("peer.py")]
    ran = subprocess.run(command, check=False, input=lines, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = defaultdict(dict)
    for line in ran.stdout.splitlines():
        said = json.loads(line)
        for target in ("step_time", "memory"):
            if math.isfinite(said.get(target) or math.nan) and said[target] > 0:
                found[target][said["id"]] = said[target]
    return found


def job_of(case):
    """A case's Job in llm-analysis' words. Only shapes, layout and vendor's rates; nothing of danlu's own constants."""
    job = case.question
    shape, device, layout = job.architecture, job.cluster.device, job.layout
    experts = shape.experts
    return {
        "id": case.id,
        "model": {
            "name": "model",
            "num_layers": shape.num_layers,
            "n_head": shape.num_heads,
            "hidden_dim": shape.width,
            "vocab_size": shape.vocab_size,
            "max_seq_len": job.batch.seq_len,
            "num_key_value_heads": shape.num_kv_heads,
            "ffn_embed_dim": experts.width if experts else shape.ffn_width,
            "expansion_ratio": (experts.width if experts else shape.ffn_width) / shape.width,
            "moe_num_experts": experts.count if experts else 1,
            "moe_top_k": experts.active if experts else 1,
        },
        "gpu": {
            "name": device.name,
            "mem_per_GPU_in_GB": device.memory_bytes / 1e9,
            "hbm_bandwidth_in_GB_per_sec": device.memory_bytes_per_s / 1e9,
            "intra_node_bandwidth_in_GB_per_sec": (device.link_bytes_per_s or 32e9) / 1e9,
            "intra_node_min_message_latency": 8e-6,
            "peak_fp16_TFLOPS": device.flops_per_s(job.numerics.compute) / 1e12,
            "inter_node_bandwidth_in_GB_per_sec": (job.cluster.network_bytes_per_s or 25e9) * 8 / 1e9,
        },
        "parallelism": {
            "tp_size": layout.tp,
            "pp_size": layout.pp,
            "dp_size": layout.dp,
            "ep_size": 1 if experts is None else layout.ep,
            "sp_size": layout.tp if layout.sequence_parallel else 1,
        },
        "micro": job.batch.micro,
        "sequences": job.batch.sequences,
        "recompute": job.recompute,
        "sharding": layout.sharding,
        "flash": job.software.attention == "flash",
        "gated": shape.gated,
    }
