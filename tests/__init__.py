"""The tests; `make check` runs the fast ones, `make test` all."""

import os

# As app/__init__.py does for the command line, before anything imports torch.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# Workers of pytest-xdist share the cores among themselves, and so do the commands that they start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
