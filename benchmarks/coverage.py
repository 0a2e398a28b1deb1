"""How often 95 % intervals hold the true figure, on simulated test parts.

    python benchmarks/coverage.py [--samples 1000] [--json PATH]

Utterances come in clusters (dialogues, speakers) that are alike. Intervals that draw clusters
again should hold the truth in 95 of 100 cases; those that draw single utterances do not.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.tables import aligned
from benchmarks.worlds.simulated import NAMED, NUMBER, coverage

CASES = ((NAMED, "accuracy"), (NAMED, "macro_f1"), (NUMBER, "ccc"), (NUMBER, "rmse"))
CLUSTERS = (12, 24, 60, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {
        f"{metric}, {'clusters' if clustered else 'utterances'} drawn": {
            str(count): coverage(measure, metric, count, asked.samples, clustered)
            for count in CLUSTERS
        }
        for measure, metric in CASES
        for clustered in (True, False)
    }
    rows = [("coverage, per cent, by clusters in the test part", *map(str, CLUSTERS))]
    rows += [
        (name, *(f"{100 * share:.1f}" for share in by_count.values()))
        for name, by_count in found.items()
    ]
    print(aligned(rows))
    if asked.json:
        asked.json.write_text(json.dumps({"samples": asked.samples, "coverage": found}, indent=2))


if __name__ == "__main__":
    main()
