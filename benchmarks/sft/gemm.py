"""The rate of bf16 matrix products here, in GFLOP per CPU-second: python gemm.py THREADS."""

import sys
import time

from danlu.run.machine import prepare_torch

SIZE, TIMES = 2048, 20


def main():
    prepare_torch(int(sys.argv[1]))
    import torch

    a, b = (torch.randn(SIZE, SIZE).bfloat16() for _ in range(2))
    a @ b
    began = time.process_time()
    for _ in range(TIMES):
        a @ b
    print(TIMES * 2 * SIZE**3 / (time.process_time() - began) / 1e9)


if __name__ == "__main__":
    main()
