"""Which device a command runs on: `auto`, `cpu`, `cuda` and `cuda:N` of the command line."""

import re
import warnings
from typing import TYPE_CHECKING

import click

from features.errors import ProjectError

if TYPE_CHECKING:
    import torch

DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def chosen_device(wanted: str, *, auto_takes_gpu: bool = True) -> "torch.device":
    """The device that a command line asks for, a GPU always with its number.

    `auto` takes the first GPU that torch can use where `auto_takes_gpu`, and the CPU otherwise; a
    GPU that torch cannot use is mentioned. For the CPU no CUDA function is called. Raises
    ProjectError for a device that is not there.
    """
    import torch

    if not DEVICE.fullmatch(wanted):
        raise ProjectError(f"--device is {wanted!r}; it must be auto, cpu, cuda or cuda:N")
    if wanted == "cpu" or (wanted == "auto" and not auto_takes_gpu):
        return torch.device("cpu")
    unusable = _why_unusable()
    if wanted == "auto":
        if unusable and torch.cuda.device_count():
            click.echo(f"A GPU is there, but {unusable}. The CPU is used.", err=True)
        return torch.device("cpu" if unusable else "cuda:0")
    if unusable:
        raise ProjectError(f"--device is {wanted!r}, but {unusable}; use --device cpu")
    number, count = int(wanted.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        raise ProjectError(
            f"--device is {wanted!r}, and the GPUs of this machine are cuda:0 to cuda:{count - 1}; "
            "name one of them, or use --device cpu"
        )
    return torch.device("cuda", number)


def _why_unusable() -> str | None:
    """Why torch cannot use a GPU, in torch's words where it has some; None where it can."""
    import torch

    with warnings.catch_warnings(record=True) as reasons:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    torch_says = [" ".join(str(reason.message).split()) for reason in reasons]
    detail = f" ({torch_says[0]})" if torch_says else ""
    return f"torch cannot use a GPU here{detail}"
