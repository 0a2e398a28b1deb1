"""Trains heads on a Ray cluster: one task for each fold and seed.

A task leaves its training in the run's folder of trainings in progress, which all machines share;
the run then resumes from there, as it would after an interruption, with nothing left to train.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from features.cluster import RETRIES, Cluster, shared_out
from features.manifest import Label
from features.progress import Progress
from features.specs.heads import HeadSpec
from train.folds.label_facts import folds_of
from train.runs.run_fold import RunSettings, train_one, trainings_of
from train.runs.run_head import with_checkpoints

# A head is small: more threads would wait for each other.
THREADS = 1


@dataclass(frozen=True)
class HeadJob:
    """One head to be trained; `inputs` opens its stores and its settings on any machine.

    `folder` is where the commands of the project run, `work` where trainings are saved.
    """

    spec: HeadSpec
    labels: Sequence[Label]
    inputs: Callable[[], tuple[Mapping[str, Any], RunSettings]]
    work: Path
    folder: Path


class Trainer:
    """What runs in a worker."""

    def train(self, shared: Sequence[Any], training: tuple[int, str]) -> None:
        """One training of a job."""
        import ray

        job: HeadJob = ray.get(shared[0])
        os.chdir(job.folder)
        torch.set_num_threads(THREADS)
        stores, settings = job.inputs()
        settings = with_checkpoints(settings, job.spec, job.labels, stores, job.work)
        number, _ = training
        fold = folds_of(job.spec, job.labels)[number]
        train_one(job.spec, fold, stores, settings, training)


def train_on_ray(jobs: Sequence[HeadJob], cluster: Cluster) -> None:
    """Do all trainings of several heads; blocks until they are saved.

    A worker that is lost costs what its training did since it was last saved. Raises ProjectError
    as `Cluster.connected` says, and for whatever ends a training elsewhere.
    """
    torch.set_num_threads(THREADS)
    with cluster.connected(THREADS) as ray:
        calls: dict[str, Callable[[Any], Any]] = {}
        for job in jobs:
            # Before any worker does: trainings of other settings are deleted once.
            stores, settings = job.inputs()
            with_checkpoints(settings, job.spec, job.labels, stores, job.work)
            shared = [ray.put(job)]
            for training in trainings_of(job.spec, len(folds_of(job.spec, job.labels))):
                name = f"{job.spec.name}, fold {training[0] + 1}, {training[1]}"
                calls[name] = partial(_train, shared, training)
        worker_class = ray.remote(
            num_cpus=THREADS, num_gpus=cluster.gpus_per_worker,
            max_restarts=RETRIES, max_task_retries=RETRIES,
        )(Trainer)  # fmt: skip
        count = min(cluster.num_workers(ray, THREADS), len(calls))
        workers = [worker_class.remote() for _ in range(count)]
        with Progress("trainings", len(calls), "trainings") as bar:
            for name, _ in shared_out(ray, workers, calls):
                bar.advance(note=f"{count} workers, {name}")


def _train(shared: Sequence[Any], training: tuple[int, str], worker: Any) -> Any:
    return worker.train.remote(shared, training)
