"""What happens when a bit flips in a file of a run, a transfer, or a training in progress?

    python benchmarks/checks/damaged_runs.py [--flips 200] [--json FILE]

Trains a head, a probe and a continued head on made-up tracks, tests one on another corpus, and
leaves a training unfinished. Then flips one bit at a time, in every kind of file in turn, and runs
`results` (or resumes the training). *Named* is a flip after which the run is refused by name in
one line; *harmless* one after which every figure is the right one all the same; *silent* one
after which a wrong figure is shown. Exits 1 where one was silent or ended in a traceback.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import cli
from tests.run_world import make_runs
from train.loop.checkpoint import Checkpoint

OUTCOMES = ("named", "harmless", "silent", "traceback")


def shown() -> tuple[str, str, BaseException | None]:
    """What `results` prints, its messages, and the exception it ended with, if any."""
    done = CliRunner().invoke(cli, ["results"])
    error = None if isinstance(done.exception, SystemExit) else done.exception
    return done.stdout, done.stderr, error


def outcome_of_run(file: Path, right: str) -> str:
    """What became of a flipped bit in a file of ``runs/<name>``."""
    printed, messages, error = shown()
    if error is not None:
        return "traceback"
    if f"runs/{file.parts[1]}: damaged: " in messages:
        return "named"
    return "harmless" if printed == right else "silent"


def outcome_of_training(file: Path, right: object) -> str:
    """What became of a flipped bit in a saved training."""
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            state = Checkpoint(file).read()
    except Exception:
        return "traceback"
    if state is None:
        return "named" if str(file) in messages.getvalue() else "silent"
    return "harmless" if repr(state) == right else "silent"


def flip(file: Path, random: np.random.Generator) -> bytes:
    """Flip one bit; returns the file as it was."""
    before = file.read_bytes()
    changed = bytearray(before)
    bit = int(random.integers(len(before) * 8))
    changed[bit // 8] ^= 1 << bit % 8
    file.write_bytes(changed)
    return before


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_runs()
        training = Path("runs/.partial/main/fold-1-seed-0.pt")
        Checkpoint(training).write({"epoch": 4, "weights": torch.linspace(0, 1, 500)})
        state = repr(Checkpoint(training).read())
        right, _, _ = shown()
        files = [*sorted(Path("runs").glob("[a-z]*/**/*.*")), training]
        random = np.random.default_rng(0)
        for number in range(arguments.flips):
            file = files[number % len(files)]
            before = flip(file, random)
            if file == training:
                outcome = outcome_of_training(file, state)
            else:
                outcome = outcome_of_run(file, right)
            kind = file.name if file.parent.name != "weights" else "weights"
            counts.setdefault("saved training" if file == training else kind, Counter())[
                outcome
            ] += 1
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(before)
    report(counts, arguments.json)


def report(counts: dict[str, Counter[str]], file: Path | None) -> None:
    print(f"{'file':<18}" + "".join(f"{name:>11}" for name in OUTCOMES))
    for kind, outcomes in sorted(counts.items()):
        print(f"{kind:<18}" + "".join(f"{outcomes[name]:>11}" for name in OUTCOMES))
    total: Counter[str] = sum(counts.values(), Counter())
    print(f"{'all':<18}" + "".join(f"{total[name]:>11}" for name in OUTCOMES))
    if file:
        file.write_text(json.dumps({kind: dict(c) for kind, c in counts.items()}, indent=2))
    sys.exit(1 if total["silent"] or total["traceback"] else 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
