"""What people touch: one file per group of commands."""

import os

# As in pyproject.toml and CITATION.cff.
VERSION = "0.1.0"

# Threads that wait for each other spin for a short time only: beside another busy process they
# would hold its cores, and their own, and slow training down (docs/explanation/speed.md). OpenMP
# reads this when torch is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
