"""Where learning curves are shown while heads train; changes no result."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrackingSpec:
    """`wandb` is that library's mode; online it needs an account. `project` is its project."""

    tensorboard: bool = True
    wandb: Literal["off", "offline", "online"] = "off"
    project: str = "permafrost"
