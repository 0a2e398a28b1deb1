"""Where learning curves are shown while heads train; changes no result."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrackingSpec:
    """`wandb`: the mode of Weights & Biases (online needs an account); `project`: its project."""

    tensorboard: bool = True
    wandb: Literal["off", "offline", "online"] = "off"
    project: str = "permafrost"
