"""Where and how a network runs: device, number format, attention kernel, transfers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from features.errors import ProjectError
from features.specs import ExtractSpec


@dataclass(frozen=True)
class Compute:
    """The device, the number format of the network, and the kernel of its attention."""

    device: torch.device
    dtype: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["sdpa", "eager"] = "sdpa"

    @classmethod
    def of(cls, spec: ExtractSpec, device: torch.device) -> "Compute":
        """What a spec asks for, with full float32 and repeatable kernels set for the process."""
        if spec.compute == "bfloat16" and device.type != "cuda":
            raise ProjectError(
                f"params.yaml: extract.compute is 'bfloat16', which needs a GPU, and this runs on "
                f"{device}; give --device cuda where there is one, or compute: float32"
            )
        if device.type == "cuda":
            torch.cuda.set_device(device)
        torch.set_num_threads(spec.threads)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        return cls(device, spec.compute, spec.attention)

    @contextmanager
    def running(self) -> Iterator[None]:
        """No gradients, and matrix products in the chosen number format."""
        reduced = self.dtype == "bfloat16"
        plain = self.attention == "eager"
        with (
            torch.inference_mode(),
            sdpa_kernel(SDPBackend.MATH) if plain else nullcontext(),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=reduced),
        ):
            yield

    def pick(self, *, cpu: int, cuda: int) -> int:
        """The value that suits the kind of device, such as a batch budget."""
        return cuda if self.device.type == "cuda" else cpu

    def put(self, values: Any) -> Tensor:
        """An array or CPU tensor on the device; to a GPU from pinned memory, without waiting."""
        tensor = torch.as_tensor(values)
        if self.device.type != "cuda":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def fetch(self, tracks: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
        """Begin to bring tracks to the CPU; the call that is returned waits for them."""
        if self.device.type != "cuda":
            # Copies, so that a short track does not hold the whole batch that it is a view of.
            copies = [track.clone() for track in tracks]
            return lambda: copies
        arriving = [
            torch.empty(track.shape, dtype=track.dtype, pin_memory=True).copy_(
                track, non_blocking=True
            )
            for track in tracks
        ]
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(self.device))

        def wait() -> list[Tensor]:
            done.synchronize()
            return arriving

        return wait


CPU = Compute(torch.device("cpu"))
