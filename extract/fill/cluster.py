"""Fills a store on a Ray cluster: a worker loads the network once and makes one part at a time.

All machines share the file system that holds the project and the pool of parts. A part is the same
bytes wherever it is made, since a worker computes with as many threads as any other run; the driver
loads no network and needs no GPU.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from extract.fill.outcome import ExtractionResult, publish_complete, result_of
from features.cluster import RETRIES, Cluster, shared_out
from features.manifest import Utterance
from features.progress import Progress
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.pool import Pool


@dataclass(frozen=True)
class Job:
    """One store to fill; `folder` is where the commands of the project run.

    `choose_device` says on each machine where a network runs there.
    """

    path: Path
    manifest: Sequence[Utterance]
    corpus: CorpusSpec
    backbone: BackboneSpec
    spec: ExtractSpec
    choose_device: Callable[[], Any]
    pool: Path
    folder: Path

    @property
    def name(self) -> str:
        """The name of the corpus and the backbone."""
        return f"{self.corpus.name}-{self.backbone.name}"


class Filler:
    """What runs in a worker: the network of a job and the plan of its parts.

    Every call is given the job, because a worker that was lost starts again with nothing.
    """

    def __init__(self) -> None:
        self.job: Job | None = None

    def missing(self, shared: Sequence[Any]) -> list[tuple[str, int]]:
        """The keys of the parts to be made, each with its number of utterances."""
        self._take(shared)
        return [(plan.key, len(plan.utterances)) for plan in self.extraction.missing]

    def make(self, shared: Sequence[Any], key: str) -> None:
        """Make one part, unless it is there."""
        from extract.fill.passes import make_missing_parts

        job = self._take(shared)
        self.extraction.own = frozenset([key])
        make_missing_parts(
            [self.extraction], self.compute, job.corpus.root, job.manifest, job.spec, self.pool
        )

    def publish(self, shared: Sequence[Any], num_made: int, speed: str) -> ExtractionResult:
        """Publish the store."""
        job = self._take(shared)
        self.extraction.look_up(self.pool)
        publish_complete(job.path, self.extraction, job.corpus, job.spec, self.pool)
        return result_of(self.extraction, num_made, 0.0, speed)

    def _take(self, shared: Sequence[Any]) -> Job:
        """The job, whose network is loaded the first time."""
        if self.job is None:
            import ray

            job: Job = ray.get(shared[0])
            os.chdir(job.folder)
            self._load(job)
            self.job = job
        return self.job

    def network(self, job: Job) -> Any:
        """The network that computes the parts."""
        from extract.fill.fill import load_fitting

        return load_fitting(job.backbone, self.compute)

    def _load(self, job: Job) -> None:
        from extract.media.child import warm_up
        from extract.network.compute import Compute
        from extract.plan.extraction import planned_extraction

        self.pool = Pool(job.pool)
        self.compute = Compute.of(job.spec, job.choose_device())
        backbone = self.network(job)
        if job.backbone.reads in ("audio", "video"):
            warm_up(type(backbone.prepare).__module__)
        self.extraction = planned_extraction(
            job.name, backbone, job.backbone, job.manifest, job.spec, self.compute, self.pool
        )


def fill_on_ray(job: Job, cluster: Cluster) -> ExtractionResult:
    """Fill and publish a store; blocks until it is done.

    A worker that is lost costs its part, which is made again. Raises ProjectError as
    `Cluster.connected` says, and for whatever ends an extraction without a cluster.
    """
    with cluster.connected(job.spec.threads) as ray:
        worker_class = ray.remote(
            num_cpus=job.spec.threads, num_gpus=cluster.gpus_per_worker,
            max_restarts=RETRIES, max_task_retries=RETRIES,
        )(Filler)  # fmt: skip
        shared = [ray.put(job)]
        first = worker_class.remote()
        missing = dict(ray.get(first.missing.remote(shared)))
        count = min(cluster.num_workers(ray, job.spec.threads), len(missing))
        workers = [first, *(worker_class.remote() for _ in range(count - 1))]
        with Progress(job.name, sum(missing.values()), "utterances") as bar:
            calls = {key: partial(_make, shared, key) for key in missing}
            for key, _ in shared_out(ray, workers, calls):
                bar.advance(missing[key], f"{count} workers")
        done = first.publish.remote(shared, len(missing), bar.summary())
        result: ExtractionResult = ray.get(done)
        return result


def _make(shared: Sequence[Any], key: str, worker: Any) -> Any:
    return worker.make.remote(shared, key)
