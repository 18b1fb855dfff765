"""The peer's side of `cargo xtask peers`: one case in PyTorch (torchvision, lightly), timed when asked.

worker.py CASE VARIANT THREADS prints `ready` after warming up; each line with a number N on standard input runs the
case N times and prints the seconds of one run, the peak memory of the process in bytes, and the minor page faults of one
run. Without arguments it prints the names of all cases.
"""

import importlib
import resource
import sys
import time

import torch

# Which module has a kind of case: what a case does not need is not imported, and does not count as its memory.
MODULES = {
    "step": "steps",
    "loss": "losses",
    "audio": "audio",
    "series": "series",
    "text": "text",
    "augment": "augment",
    "jpeg": "loading",
}


def cases(kind: str):
    return importlib.import_module(MODULES.get(kind, "kernels")).CASES


def usage():
    return resource.getrusage(resource.RUSAGE_SELF)


def main(case: str, variant: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    run = cases(case.split("/")[0])[case](variant)
    for _ in range(2):
        run()
    print("ready", flush=True)
    for line in sys.stdin:
        times = int(line)
        faults, start = usage().ru_minflt, time.perf_counter()
        for _ in range(times):
            run()
        seconds = (time.perf_counter() - start) / times
        now = usage()
        print(f"{seconds} {now.ru_maxrss * 1024} {(now.ru_minflt - faults) / times:.0f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(name for kind in (*MODULES, "conv") for name in cases(kind)))
    else:
        main(*sys.argv[1:])
