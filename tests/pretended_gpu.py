"""GPUs that do not exist, of three kinds.

- `fake_gpu`: tensors on a `cuda` device have no values and refuse to meet tensors of another device
  (torch's FakeTensorMode); those of the CPU are real. What is on the GPU cannot be read either, so
  code that waits for it fails.
- `GpuPathsOnCpu`: what the code does differently on a GPU, with values, on the CPU.
- `pretended_gpu`: a GPU whose memory is the CPU's, for whole commands; what real calls of CUDA
  refuse it refuses too.
"""

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from extract.backbones._speech.grouped import use_grouped_products
from extract.network.attention import always_mask
from extract.network.backbone import Backbone
from extract.network.compute import Compute

DEVICES = [
    pytest.param(torch.device("cuda", 0), marks=pytest.mark.slow),
    torch.device("cuda", 1),
]
FREE_BYTES = 24 * 2**30


class Event:
    """An event that has happened at once."""

    def __init__(self, blocking: bool = False) -> None:
        self.blocking = blocking

    def record(self, stream: object = None) -> None:
        """Nothing is to be waited for."""

    def synchronize(self) -> None:
        """It is over."""


def refuse_without_number(device: Any) -> None:
    """As torch.cuda.set_device does: a device without its number is not one device."""
    index = device if isinstance(device, int) else getattr(device, "index", None)
    if index is None:
        raise ValueError(f"Expected a torch.device with a specified index, but got:{device}")


@contextmanager
def stand_ins(num_gpus: int) -> Iterator[None]:
    """The calls of torch.cuda that need a driver; without GPUs those that choose one stay."""
    substitutes = {
        **({"is_available": lambda: True, "device_count": lambda: num_gpus} if num_gpus else {}),
        "set_device": refuse_without_number,
        "current_stream": lambda device=None: None,
        "get_device_name": lambda device=None: "a GPU that is not there",
        "mem_get_info": lambda device=None: (FREE_BYTES, FREE_BYTES),
        "empty_cache": lambda: None,
        "Event": Event,
    }
    with ExitStack() as stack:
        for name, substitute in substitutes.items():
            stack.enter_context(patch.object(torch.cuda, name, substitute))
        stack.enter_context(patch.object(torch.Tensor, "pin_memory", lambda self: self))
        yield


class RealOnCpu(TorchDispatchMode):
    """Leaves what has nothing to do with a GPU alone: tensors on the CPU keep their values."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        leaves = tree_leaves((args, kwargs))
        if any(isinstance(leaf, FakeTensor) or _is_gpu(leaf) for leaf in leaves):
            return function(*args, **(kwargs or {}))
        with unset_fake_temporarily():
            return function(*args, **(kwargs or {}))


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """Tensors on `cuda` without values, for as long as it lasts."""

    # Under inference mode, or with a GPU to be had, torch looks for the driver itself.
    def without_gradients(mode: bool = True) -> Any:
        return torch.no_grad() if mode else nullcontext()

    with (
        stand_ins(0),
        patch.object(torch, "inference_mode", without_gradients),
        FakeTensorMode(allow_non_fake_inputs=True) as mode,
        RealOnCpu(),
    ):
        yield mode


def move(module: nn.Module, device: torch.device) -> None:
    """Give a module fake weights on a device; to be called within `fake_gpu`."""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    grown = nn.Parameter(fake, requires_grad=tensor.requires_grad)
                    tensors[name] = grown if isinstance(tensor, nn.Parameter) else fake


@dataclass(frozen=True)
class GpuPathsOnCpu(Compute):
    """A CPU that is worked on as a GPU would be."""

    @property
    def on_gpu(self) -> bool:
        return True


def take_gpu_paths(backbone: Backbone, compute: Compute) -> None:
    """Have a backbone that was loaded for a CPU do what it would do on a GPU."""
    loaded: Any = backbone
    loaded.compute = compute
    if hasattr(loaded, "front_samples"):
        loaded.front_samples = 50_000
        use_grouped_products(loaded.network, compute)
    for value in vars(loaded).values():
        if isinstance(value, nn.Module):
            always_mask(value)


class NeverWaits(TorchDispatchMode):
    """Fails where a value is read from a GPU, such as a number or the true places of a mask."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = function.name().split("::")[1].split(".")[0]
        asks = name in ("_local_scalar_dense", "nonzero", "masked_select", "unique_consecutive")
        if name in ("index", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        ):
            asks = name == "index" or args[2].numel() != 1
        assert not asks, f"{function.name()} waits for the GPU"
        return function(*args, **(kwargs or {}))

    def __enter__(self) -> Any:
        def refuse(tensor: torch.Tensor, *_: object, **__: object) -> None:
            raise AssertionError("what is brought to the CPU waits for the GPU")

        self.patches = [patch.object(torch.Tensor, name, refuse) for name in ("cpu", "numpy")]
        for patched in self.patches:
            patched.start()
        return super().__enter__()

    def __exit__(self, *exit_of: Any) -> None:
        for patched in self.patches:
            patched.stop()
        super().__exit__(*exit_of)


class MemoryMeter(TorchDispatchMode):
    """Counts the bytes of all tensors on a GPU that are alive, within `fake_gpu`."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_bytes = self.alive_bytes = 0
        self.storages: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor) and leaf.device.type == "cuda":
                self._count(leaf.untyped_storage())
        return made

    def _count(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.storages:
            self.storages.add(key)
            self.alive_bytes += size
            self.peak_bytes = max(self.peak_bytes, self.alive_bytes)
            weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self.storages.discard(key)
        self.alive_bytes -= size


class OnCpuInstead(TorchFunctionMode):
    """Makes every tensor on the CPU that a call places on a GPU."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        instead = {name: _on_cpu(value) for name, value in (kwargs or {}).items()}
        return function(*map(_on_cpu, args), **instead)


def _on_cpu(value: Any) -> Any:
    return torch.device("cpu") if _is_gpu(value) else value


def _is_gpu(value: Any) -> bool:
    return isinstance(value, torch.device) and value.type == "cuda"


@contextmanager
def pretended_gpu(num_gpus: int = 1) -> Iterator[None]:
    """A GPU whose memory is the CPU's; tensors that are moved there stay where they are."""
    with stand_ins(num_gpus), OnCpuInstead():
        yield


def _read(layer: nn.RNNBase, packed: Any, state: Any = None) -> tuple[Any, None]:
    """A recurrent layer without a driver: devices and widths, and nothing read."""
    values, lengths = packed
    weights = {parameter.device for parameter in layer.parameters()}
    assert weights == {values.device} and lengths.device.type == "cpu"
    assert values.dtype == torch.float32
    width = layer.hidden_size * (2 if layer.bidirectional else 1)
    return values.new_empty(*values.shape[:2], width), None


def _step(cell: nn.GRUCell, values: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """A recurrent cell without a driver, likewise."""
    assert {parameter.device for parameter in cell.parameters()} == {values.device, state.device}
    return torch.zeros_like(state)


@contextmanager
def unread_recurrence() -> Iterator[None]:
    """Recurrent layers, whose kernels need the driver, look at their inputs alone."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(nn.GRUCell, "forward", _step))
        for layer in (nn.GRU, nn.LSTM):
            stack.enter_context(patch.object(layer, "forward", _read))
        packing = {
            "pack_padded_sequence": lambda values, lengths, **_: (values, lengths),
            "pad_packed_sequence": lambda values, **_: (values, None),
        }
        for name, instead in packing.items():
            stack.enter_context(patch(f"train.model.recurrent.{name}", instead))
        yield
