"""Training beside busy processes: how long threads that wait for each other should spin.

    python benchmarks/checks/busy.py [--json PATH] [--rounds 3] [--busy 2]

Each training is a process of its own: a small convolutional head with two threads. In turn they
spin without end (OMP_WAIT_POLICY=ACTIVE), sleep at once (PASSIVE), spin as long as OpenMP does
without being told, and spin for 10,000 turns (GOMP_SPINCOUNT), as `python cli.py` sets it
(app/__init__.py). They run alone, and beside `--busy` processes that do nothing but count.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

SETTINGS = {
    "endless spinning": {"OMP_WAIT_POLICY": "ACTIVE"},
    "OpenMP's default": {},
    "short spinning": {"GOMP_SPINCOUNT": "10000"},
    "no spinning": {"OMP_WAIT_POLICY": "PASSIVE"},
}
# 30 steps of a temporal convolutional head on 16 tracks of 300 steps; prints the seconds.
TRAINING = """
import time, torch
torch.set_num_threads(2)
torch.manual_seed(0)
from train.data.masking import Padded
from train.temporal.tcn import Temporal
network = Temporal(64, 0.2, layers=4)
optimiser = torch.optim.AdamW(network.parameters())
track = Padded(torch.randn(16, 300, 64), torch.ones(16, 300, dtype=torch.bool))
for step in range(35):
    if step == 5:
        begin = time.perf_counter()
    network(track).values.square().mean().backward()
    optimiser.step()
    optimiser.zero_grad()
print(time.perf_counter() - begin)
"""


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Processes that keep cores busy for as long as it lasts."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds(settings: dict[str, str]) -> float:
    """How long one training takes under some settings of OpenMP."""
    others = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING],
        cwd=Path(__file__).resolve().parents[2],
        env={**others, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=2)
    options = parser.parse_args()
    rows = []
    for count in (0, options.busy):
        times: dict[str, list[float]] = {name: [] for name in SETTINGS}
        with busy_processes(count):
            for _ in range(options.rounds):
                for name, settings in SETTINGS.items():
                    times[name].append(seconds(settings))
        medians = {name: median(values) for name, values in times.items()}
        rows.append({"busy": count, **medians})
        for name, value in medians.items():
            ratio = value / medians["short spinning"]
            print(f"beside {count} busy processes, {name}: {value:.2f} s, {ratio:.2f} times")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
