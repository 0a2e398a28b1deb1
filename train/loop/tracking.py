"""Logs every epoch: to TensorBoard, and to Weights & Biases if `tracking` says so."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from features.extras import require_extra
from features.specs.tracking import TrackingSpec

# The figures of one epoch, by name.
Epoch = dict[str, float]
Log = Callable[[Epoch], None]
NOTHING: Mapping[str, Any] = {}


class Tracker(Protocol):
    """Where the epochs of trainings go."""

    def training(self, name: str, settings: Mapping[str, Any] = NOTHING) -> Any:
        """A context that gives a function to call with each epoch of one training.

        `settings` are those that differ from training to training.
        """


class NoTracker:
    """Epochs are not logged."""

    @contextmanager
    def training(self, name: str, settings: Mapping[str, Any] = NOTHING) -> Iterator[Log]:
        """A function that does nothing."""
        yield lambda _: None


class Trackers:
    """TensorBoard and Weights & Biases, as `tracking` in params.yaml says.

    `folder` holds their files. These contain clock times and the machine's name, so they are not in
    a run's own folder, and nothing depends on them.
    """

    def __init__(
        self, spec: TrackingSpec, folder: Path, run: str, settings: Mapping[str, Any]
    ) -> None:
        self.spec, self.folder, self.run, self.settings = spec, folder, run, settings

    @contextmanager
    def training(self, name: str, settings: Mapping[str, Any] = NOTHING) -> Iterator[Log]:
        """Log the epochs of the training `name`, such as ``official/seed-0``."""
        with ExitStack() as open_logs:
            logs = []
            if self.spec.tensorboard:
                place = self.folder / ".tensorboard" / self.run / name
                shutil.rmtree(place, ignore_errors=True)
                logs.append(open_logs.enter_context(_tensorboard(place)))
            if self.spec.wandb != "off":
                logs.append(open_logs.enter_context(self._wandb(name, settings)))

            def log(epoch: Epoch) -> None:
                for write in logs:
                    write(epoch)

            yield log

    @contextmanager
    def _wandb(self, name: str, settings: Mapping[str, Any]) -> Iterator[Log]:
        require_extra("tracking.wandb", "wandb", "wandb")
        import wandb

        place = self.folder / ".wandb"
        place.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=self.spec.project,
            group=self.run,
            name=f"{self.run}/{name}",
            config={**self.settings, **settings},
            dir=place,
            mode="online" if self.spec.wandb == "online" else "offline",
            reinit="finish_previous",
            settings=wandb.Settings(silent=True),
        )
        try:
            yield lambda epoch: run.log(_figures(epoch), step=int(epoch["epoch"]))
        finally:
            run.finish()


@contextmanager
def _tensorboard(place: Path) -> Iterator[Log]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(place))

    def log(epoch: Epoch) -> None:
        for name, value in _figures(epoch).items():
            writer.add_scalar(name, value, int(epoch["epoch"]))

    try:
        yield log
    finally:
        writer.close()


def _figures(epoch: Epoch) -> dict[str, float]:
    return {name: float(v) for name, v in epoch.items() if name not in ("epoch", "seed")}
