"""The options of commands that can run on a Ray cluster."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from features.cluster import Cluster

ENGINES = ("local", "ray")


def on_a_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--engine` and what belongs to it; the command takes `engine` and a `cluster`."""

    @click.option(
        "--engine", type=click.Choice(ENGINES), default="local", envvar="PERMAFROST_ENGINE",
        help="Where it runs: local, or ray (a Ray cluster whose machines share this folder).",
    )  # fmt: skip
    @click.option(
        "--address", help="Address of the Ray cluster (default: RAY_ADDRESS, or this machine)."
    )
    @click.option(
        "--workers", type=click.IntRange(1), help="Number of Ray workers (default: all that fit)."
    )
    @click.option(
        "--gpus-per-worker", type=click.FloatRange(0), default=0.0, show_default=True,
        help="GPUs per Ray worker; 0.5 lets two workers share one GPU.",
    )  # fmt: skip
    @wraps(command)
    def with_cluster(
        address: str | None, workers: int | None, gpus_per_worker: float, **options: Any
    ) -> None:
        command(cluster=Cluster(address, workers, gpus_per_worker), **options)

    return with_cluster
