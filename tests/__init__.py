"""The tests; `make check` runs the fast ones, `make test` all."""

import os

# As app/__init__.py does for the command line, before anything imports torch.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
