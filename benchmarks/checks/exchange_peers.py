"""Hugging Face datasets loads our parquet, and MMSA trains one of its models on our pickle.

    python cli.py use mosi-table --root PATH && dvc repro      (in a folder of its own)
    python -m venv PEERS && PEERS/bin/pip install datasets MMSA
    python benchmarks/checks/exchange_peers.py FOLDER PEERS/bin/python [--json PATH]

FOLDER is where the recipe was run. The peers run in their own environment and see only the exported
files. MMSA's LF-DNN has the settings that MMSA ships for MOSI, five seeds, and its best epoch is
selected by its loss on the dev set; our head is the recipe's `main`, trained anew. Both read the
same three stores; times are those of the whole command, ours with its shuffled-label control.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from features.specs.tracks import store_path
from features.store.reader import Store

STORES = ("text-cnn", "opensmile", "c3d")
IN_DATASETS = """
import sys, json, numpy as np
from datasets import load_dataset
rows = load_dataset("parquet", data_files=sys.argv[1], cache_dir=sys.argv[2])["train"]
row = rows[int(sys.argv[3])]
print(json.dumps({"features": {k: str(v) for k, v in rows.features.items()}, "num": len(rows),
    "id": row["id"], "split": row["split"], "sentiment": row["sentiment"], "track": row["track"]}))
"""
IN_MMSA = """
import sys, json, torch, numpy as np
torch.cuda.set_device = lambda device: None
torch.set_num_threads(1)
import MMSA, MMSA.run as run
from MMSA import MMSA_run, get_config_regression
results = []
plain = run._run
run._run = lambda *a, **k: results.append(plain(*a, **k)) or results[-1]
config = get_config_regression("lf_dnn", "mosi")
config["custom_feature"] = sys.argv[1]
config["KeyEval"] = "Loss"
MMSA_run("lf_dnn", "mosi", config=config, custom_feature=sys.argv[1], seeds=[0, 1, 2, 3, 4],
    gpu_ids=[], num_workers=0, verbose_level=0, model_save_dir=sys.argv[2],
    res_save_dir=sys.argv[2], log_dir=sys.argv[2])
print(json.dumps([{k: float(v) for k, v in r.items()} for r in results]))
"""


def run(*command: object) -> str:
    """What a command prints at its end; ClickException where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    return done.stdout.strip().splitlines()[-1]


def ours(*command: object) -> str:
    """A command of ours."""
    return run(sys.executable, ROOT / "cli.py", *command)


def check_datasets(peer: Path) -> dict[str, Any]:
    """Whether Hugging Face datasets reads one of our tracks as it is stored."""
    ours("stores", "export", "mosi/opensmile", "--to", "parquet", "--force", "peer.parquet")
    store = Store(store_path("mosi", "opensmile"))
    row = len(store) // 2
    seen = json.loads(run(peer, "-c", IN_DATASETS, "peer.parquet", "peer-cache", row))
    equal = np.array_equal(np.array(seen["track"], store.dtype), store.track(row)[0])
    return {"equal": equal and seen["id"] == store.ids[row], "num": seen["num"], **seen["features"]}


def spread(values: list[float]) -> str:
    """Mean and sample standard deviation in per cent."""
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values, ddof=1):.1f}"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.argument("peer", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(folder: Path, peer: Path, json_path: Path | None) -> None:
    """Run both and print what they reached."""
    peer, json_path = peer.absolute(), json_path and json_path.absolute()
    os.chdir(folder)
    loaded = check_datasets(peer)
    print(f"datasets: {loaded['num']} rows, equal to the store: {loaded['equal']}; {loaded}")
    names = [f"mosi/{name}" for name in STORES]
    ours("stores", "export", *names, "--to", "mmsa", "--force", "peer.pkl")
    start = time.perf_counter()
    theirs = json.loads(run(peer, "-c", IN_MMSA, "peer.pkl", "peer-mmsa"))
    their_s = time.perf_counter() - start
    start = time.perf_counter()
    ours("train", "main")
    our_s = time.perf_counter() - start
    own = json.loads(Path("runs/main/metrics.json").read_text())["test"]["sentiment"]
    # Accuracy and weighted F1 of positive and negative, which are all there are.
    accuracy, f1 = ([result[key] for result in theirs] for key in ("Has0_acc_2", "Has0_F1_score"))
    print(f"{'':<28}{'accuracy':>14}{'weighted F1':>14}{'seconds':>9}")
    print(f"{'MMSA, LF-DNN, five seeds':<28}{spread(accuracy):>14}{spread(f1):>14}{their_s:9.0f}")
    figures = [own[key]["seeds"] for key in ("accuracy", "weighted_f1")]
    print(f"{'main, five seeds':<28}{spread(figures[0]):>14}{spread(figures[1]):>14}{our_s:9.0f}")
    if json_path:
        report = {"datasets": loaded, "mmsa": theirs, "main": own, "seconds": [their_s, our_s]}
        json_path.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
