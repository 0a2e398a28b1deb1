"""Which device a command runs on: `auto`, `cpu`, `cuda` and `cuda:N` of the command line."""

import re
import warnings
from typing import TYPE_CHECKING

import click

from features.errors import ProjectError

if TYPE_CHECKING:
    import torch

DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def chosen_device(option: str, *, auto_takes_gpu: bool = True) -> "torch.device":
    """The device that a command line asks for, a GPU always with its number.

    `auto` takes the first GPU that torch can use if `auto_takes_gpu`, and the CPU otherwise; a GPU
    that torch cannot use is mentioned. For the CPU no CUDA function is called. Raises ProjectError
    for a device that does not exist.
    """
    import torch

    if not DEVICE.fullmatch(option):
        raise ProjectError(f"--device is {option!r}; it must be auto, cpu, cuda or cuda:N")
    if option == "cpu" or (option == "auto" and not auto_takes_gpu):
        return torch.device("cpu")
    reason = _why_unusable()
    if option == "auto":
        if reason and torch.cuda.device_count():
            click.echo(f"There is a GPU, but {reason}; using the CPU.", err=True)
        return torch.device("cpu" if reason else "cuda:0")
    if reason:
        raise ProjectError(f"--device is {option!r}, but {reason}; use --device cpu")
    number, count = int(option.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        raise ProjectError(
            f"--device is {option!r}, and the GPUs of this machine are cuda:0 to cuda:{count - 1}; "
            "name one of them, or use --device cpu"
        )
    return torch.device("cuda", number)


def _why_unusable() -> str | None:
    """Why torch cannot use a GPU, with its own warning if there is one; None if it can."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    messages = [" ".join(str(warning.message).split()) for warning in caught]
    detail = f" ({messages[0]})" if messages else ""
    return f"torch cannot use a GPU here{detail}"
