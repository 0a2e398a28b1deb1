"""A Ray cluster: how to reach it, its workers, and what their failures mean."""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from features.errors import ProjectError
from features.extras import require_extra
from features.source import ROOT

# How often a worker that was lost is started again, and its task tried again.
RETRIES = 3
ADDRESS_VARIABLE = "RAY_ADDRESS"
CONNECT_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """Where workers run: the address of a cluster (None: a new one on this machine).

    `workers` is how many (None: as many as there is room for), `gpus_per_worker` what each needs.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float = 0.0

    @contextmanager
    def connected(self, cpus_per_worker: int) -> Iterator[Any]:
        """The library, connected during the block.

        Raises ProjectError where it is not installed, where the cluster cannot be reached, and
        where workers are lost again and again; an error in a worker is raised here unchanged.
        """
        require_extra("the engine ray", "ray", "ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._connect(ray, cpus_per_worker)
        try:
            yield ray
        except ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError) as error:
            reason = str(error).splitlines()[0]
            raise ProjectError(
                f"workers were lost {RETRIES + 1} times ({reason}); what is finished is kept. Run "
                "the same command again, with fewer workers or on machines with more memory."
            ) from None
        finally:
            ray.shutdown()

    def _connect(self, ray: Any, cpus_per_worker: int) -> None:
        settings: dict[str, Any] = {
            "runtime_env": {"env_vars": {"PYTHONPATH": str(ROOT)}},
            "log_to_driver": False,
            "logging_level": "error",
        }
        address = self.address or os.environ.get(ADDRESS_VARIABLE)
        if address:
            settings["address"] = address
        else:
            num_cpus = max(os.cpu_count() or 1, cpus_per_worker * (self.workers or 1))
            settings |= {"num_cpus": num_cpus, "include_dashboard": False}
        try:
            if address:
                _try_to_reach(address)
            ray.init(**settings)
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ProjectError(
                f"no Ray cluster can be reached at {address or 'this machine'}: {reason}"
            ) from None

    def num_workers(self, ray: Any, cpus_per_worker: int) -> int:
        """As many as were asked for, or as the cluster has room for."""
        if self.workers is not None:
            return self.workers
        resources = ray.cluster_resources()
        fitting = resources.get("CPU", 0) / cpus_per_worker
        if self.gpus_per_worker:
            fitting = min(fitting, resources.get("GPU", 0) / self.gpus_per_worker)
        return max(1, int(fitting))


def _try_to_reach(address: str) -> None:
    """Raise OSError at once where nothing answers; Ray itself would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), CONNECT_S).close()


def shared_out(
    ray: Any, workers: Sequence[Any], calls: Mapping[str, Callable[[Any], Any]]
) -> Iterator[tuple[str, Any]]:
    """Make each call on the next worker that is free; names and results as they come.

    A call takes a worker and returns the reference to its result.
    """
    waiting, idle = deque(calls), list(workers)
    running: dict[Any, tuple[str, Any]] = {}
    while waiting or running:
        while waiting and idle:
            name, worker = waiting.popleft(), idle.pop()
            running[calls[name](worker)] = (name, worker)
        (done, *_), _ = ray.wait(list(running))
        name, worker = running.pop(done)
        idle.append(worker)
        yield name, ray.get(done)
