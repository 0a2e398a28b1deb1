"""How often 95 % confidence intervals contain the true figure, on simulated test sets.

    python benchmarks/coverage.py [--samples 1000] [--json PATH]

Utterances come in clusters (dialogues, speakers) that are similar. Intervals that resample clusters
should contain the true figure in 95 of 100 cases; those that resample single utterances do not.
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
    options = parser.parse_args()
    shares_by_case = {
        f"{metric}, {'clusters' if clustered else 'utterances'} resampled": {
            str(count): coverage(measure, metric, count, options.samples, clustered)
            for count in CLUSTERS
        }
        for measure, metric in CASES
        for clustered in (True, False)
    }
    rows = [("coverage, per cent, by clusters in the test set", *map(str, CLUSTERS))]
    rows += [
        (name, *(f"{100 * share:.1f}" for share in by_count.values()))
        for name, by_count in shares_by_case.items()
    ]
    print(aligned(rows))
    if options.json:
        result = {"samples": options.samples, "coverage": shares_by_case}
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
