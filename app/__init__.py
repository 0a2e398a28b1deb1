"""What people touch: one file per group of commands."""

import os

# Threads that wait must not spin: beside another busy process they would take its cores, and their
# own, and slow training down many times (docs/speed.md). OpenMP reads this when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
