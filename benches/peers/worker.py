"""The peer's side of `cargo xtask peers`: one case in PyTorch (torchvision, lightly), timed when asked.

worker.py CASE VARIANT THREADS prints `ready` after warming up; each line with a number N on standard input runs the
case N times and prints the seconds of one run and the peak memory of the process in bytes.
"""

import resource
import sys
import time

import torch

import augment
import kernels
import loading
import steps

CASES = {**kernels.CASES, **steps.CASES, **augment.CASES, **loading.CASES}


def main(case: str, variant: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    run = CASES[case](variant)
    for _ in range(2):
        run()
    print("ready", flush=True)
    for line in sys.stdin:
        times = int(line)
        start = time.perf_counter()
        for _ in range(times):
            run()
        seconds = (time.perf_counter() - start) / times
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(f"{seconds} {peak}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
