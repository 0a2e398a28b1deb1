"""Every epoch as it happens: in TensorBoard, and in Weights & Biases where asked for."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from features.specs.tracking import TrackingSpec
from train.loop.epoch import Epoch

Log = Callable[[Epoch], None]
NOTHING: Mapping[str, Any] = {}


class Tracker(Protocol):
    """Where the epochs of trainings go."""

    def training(self, name: str, settings: Mapping[str, Any] = NOTHING) -> Any:
        """A context that gives a function to call with each epoch of one training.

        `settings` are those that differ from training to training.
        """


class NoTracker:
    """Nowhere."""

    @contextmanager
    def training(self, name: str, settings: Mapping[str, Any] = NOTHING) -> Iterator[Log]:
        """Epochs are forgotten."""
        yield lambda _: None


class Trackers:
    """TensorBoard and Weights & Biases, as `tracking` in params.yaml says.

    `folder` takes their files. They hold clock times and the machine's name, so they are no part
    of a run's own folder, and what they say decides nothing.
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
                for one in logs:
                    one(epoch)

            yield log

    @contextmanager
    def _wandb(self, name: str, settings: Mapping[str, Any]) -> Iterator[Log]:
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
