"""Where and how a network runs: device, number format, attention kernel, transfers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from features.errors import ProjectError
from features.kernels import NumberFormat, exact_kernels
from features.memory import lacks_memory
from features.specs.tracks import ExtractSpec

# On a GPU torch picks a kernel of attention by the shapes of a batch, and each rounds in its own
# way. One that takes masks in every number format is pinned; where a network's heads are of a size
# that it does not take, the plain one serves all its batches.
PINNED = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class LackOfMemoryError(Exception):
    """The memory of a device is full; `window_steps`: the steps of a single window that filled it.

    `fault` is torch's message.
    """

    def __init__(self, fault: str, window_steps: int | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.window_steps = window_steps


@contextmanager
def memory_checked(window_steps: int | None = None) -> Iterator[None]:
    """Raise LackOfMemoryError for any error that torch raises where a device's memory is full."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        fault = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LackOfMemoryError(fault, window_steps) from error


@dataclass(frozen=True)
class Compute:
    """The device, the number format of the network, and the kernel of its attention."""

    device: torch.device
    dtype: NumberFormat = "float32"
    attention: Literal["sdpa", "eager"] = "sdpa"

    @classmethod
    def of(cls, spec: ExtractSpec, device: torch.device) -> "Compute":
        """As a spec says, with exact and repeatable kernels set for the process."""
        if spec.compute != "float32" and device.type != "cuda":
            raise ProjectError(
                f"params.yaml: extract.compute is {spec.compute!r}, which needs a GPU, but this "
                f"runs on {device}; give --device cuda where there is one, or compute: float32"
            )
        exact_kernels(device, spec.compute)
        torch.set_num_threads(spec.threads)
        return cls(device, spec.compute, spec.attention)

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU, which computes asynchronously."""
        return self.device.type == "cuda"

    @contextmanager
    def running(self) -> Iterator[None]:
        """No gradients, matrix products in the number format, attention in its one kernel."""
        kernels = [SDPBackend.MATH] if self.attention == "eager" else PINNED
        pinned = self.on_gpu or self.attention == "eager"
        with (
            torch.inference_mode(),
            sdpa_kernel(kernels, set_priority=True) if pinned else nullcontext(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == "bfloat16"),
        ):
            yield

    def pick(self, *, cpu: int, cuda: int) -> int:
        """The value that suits the kind of device, such as a batch budget."""
        return cuda if self.on_gpu else cpu

    def put(self, values: Any) -> Tensor:
        """An array or CPU tensor on the device; to a GPU from pinned memory, without waiting."""
        tensor = torch.as_tensor(values)
        return pinned(tensor).to(self.device, non_blocking=True) if self.on_gpu else tensor

    def fetch(self, tracks: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
        """Start to copy tracks to the CPU in one transfer; the returned call waits for them."""
        if not self.on_gpu:
            # Copies, so that a short track does not hold the whole batch that it is a view of.
            copies = [track.clone() for track in tracks]
            return lambda: copies
        packed = torch.cat([track.reshape(-1) for track in tracks])
        target = empty_pinned(packed)
        target.copy_(packed, non_blocking=True)
        done = torch.cuda.Event(blocking=True)
        done.record(torch.cuda.current_stream(self.device))
        sizes, shapes = [track.numel() for track in tracks], [track.shape for track in tracks]

        def wait() -> list[Tensor]:
            done.synchronize()
            pieces = target.split(sizes)
            return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]

        return wait

    def release(self) -> None:
        """Free memory of the device that no tensor uses."""
        if self.on_gpu:
            torch.cuda.empty_cache()


def pinned(tensor: Tensor) -> Tensor:
    """A CPU tensor in pinned memory; unchanged if none is left, which only makes copies slower."""
    try:
        return tensor.pin_memory()
    except RuntimeError:
        return tensor


def empty_pinned(like: Tensor) -> Tensor:
    """A CPU tensor of the shape of another, in pinned memory where some is left."""
    try:
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)
    except RuntimeError:
        return torch.empty(like.shape, dtype=like.dtype)


CPU = Compute(torch.device("cpu"))
