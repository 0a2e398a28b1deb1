"""How fast `explore` opens and filters ten thousand utterances, in a browser.

    python benchmarks/checks/explore_size.py [--utterances N] [--json FILE]

It makes up a manifest, labels, a store and the predictions of a head with three seeds, serves them,
and measures in Chromium: from asking for the page until the first rows are drawn, and from typing
in a filter until the list is drawn again.
"""

import argparse
import json
import socket
import statistics
import tempfile
import threading
import time
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import sync_playwright

from app.explore.corpus import opened
from app.explore.server import Explorer
from app.inputs import load_labels, open_inputs
from app.paths import labels_path, manifest_path
from features.manifest import Label, Utterance, write_records
from features.params.load import load_params
from features.specs.tracks import store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from train.runs.run_head import run_head

CHROMIUM = "/usr/bin/chromium"
CLASSES = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
PARAMS = """
extract: {}
synthetic: {}
corpora: {large: {code: demo, root: data/raw/large}}
backbones: {mel: {code: log-mel}}
tracks: {large-mel: {corpus: large, backbone: mel}}
continued: {}
transfers: {}
heads:
  main:
    corpus: large
    inputs: {text: none, audio: mel, video: none}
    dim: 8
    temporal: {code: none}
    pooling: {code: mean}
    fusion: {code: concat}
    tasks: {emotion: {}}
    training: {seeds: [0, 1, 2], epochs: 1, batch_size: 256, lr: 0.01}
"""
WORDS = [
    "the",
    "a",
    "we",
    "they",
    "never",
    "always",
    "said",
    "told",
    "lamp",
    "garden",
    "house",
    "train",
    "again",
    "soon",
    "yes",
    "no",
]


def make(count: int) -> None:
    """A project of `count` utterances, a tenth of which is the training split."""
    Path("params.yaml").write_text(PARAMS)
    random = np.random.default_rng(0)
    splits = ["train"] * (count // 10) + ["dev"] * (count // 10)
    splits += ["test"] * (count - len(splits))
    labels = [
        Label(f"dia{n // 10}_utt{n % 10}", split, speaker=f"s{n % 300}",  # type: ignore[arg-type]
              dialogue=f"dia{n // 10}", turn=n % 10, emotion=CLASSES[n * 7 % 11 % 7])
        for n, split in enumerate(splits)
    ]  # fmt: skip
    utterances = [
        Utterance(label.id, text=" ".join(random.choice(WORDS, 9)), speaker=label.speaker,
                  dialogue=label.dialogue, turn=label.turn)
        for label in labels
    ]  # fmt: skip
    write_records(manifest_path("large"), utterances)
    write_records(labels_path("large"), labels)
    pool = Pool(Path("pool"))
    part = pool.add(
        random.normal(size=(1, count, 4)).astype(np.float16), key="k", inputs=("",) * count,
        ids=tuple(label.id for label in labels), lengths=(1,) * count, reasons=("ok",) * count,
        spans=None, made_with={},
    )  # fmt: skip
    header = Header("r", {"code": "made-up"}, "audio", 4, (0,), "float16")
    publish(store_path("large", "mel"), header, [part], pool)
    spec = load_params().heads["main"]
    run_head(spec, load_labels("large"), open_inputs(spec, "large"), Path("runs/main"))


def filtered_ms(page: Any, search: str) -> float:
    """From a word in the search field until the list is drawn again, in milliseconds."""
    took: float = page.evaluate(
        """(search) => new Promise((done) => {
          const field = document.getElementById("search");
          const start = performance.now();
          field.value = search;
          field.dispatchEvent(new Event("input"));
          document.getElementById("list").getBoundingClientRect();
          requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
        })""",
        search,
    )
    return took


def measured(address: str) -> dict[str, Any]:
    """Seconds until the first rows are there, and milliseconds of filters."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        first_s, filters_ms = [], []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(address)
            page.wait_for_selector(".space [data-row]")
            first_s.append(time.perf_counter() - start)
            for search in ("lamp", "lamp a", "s17", "", "never", "dia500_", ""):
                filters_ms.append(filtered_ms(page, search))
            page.close()
        browser.close()
    return {
        "first_view_s": statistics.median(first_s),
        "first_view_slowest_s": max(first_s),
        "filter_ms": statistics.median(filters_ms),
        "filter_slowest_ms": max(filters_ms),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        make(options.utterances)
        start = time.perf_counter()
        with opened("large") as corpus, socket.socket() as listening:
            application = Explorer(corpus).application(["127.0.0.1"])
            listening.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(application, log_level="error"))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            while not server.started:
                time.sleep(0.01)
            figures = {"utterances": options.utterances, "start_s": time.perf_counter() - start}
            figures |= measured(f"http://127.0.0.1:{listening.getsockname()[1]}/")
            server.should_exit = True
            thread.join()
    for name, value in figures.items():
        print(f"{name:22} {value:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
