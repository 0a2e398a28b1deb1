"""Clips of several lengths in one batch of a 3-D ResNet, each as if it were alone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torchvision.models.video.resnet import VideoResNet


@contextmanager
def padding_as_alone(network: VideoResNet, lengths: Tensor) -> Iterator[None]:
    """Have clips `(B, C, T, H, W)` of `lengths (B,)` frames end in zeros before every convolution.

    That is what each convolution over time sees behind a clip that is alone. A stage halves the
    frames, and rounds up.
    """
    num_frames: list[int] = []

    def note_frames(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        num_frames.append(inputs[0].shape[2])

    def end_in_zeros(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (hidden,), real, count = inputs, lengths, num_frames[0]
        while count > hidden.shape[2]:
            real, count = (real + 1) // 2, (count + 1) // 2
        kept = torch.arange(count, device=hidden.device) < real[:, None]
        return (hidden * kept[:, None, :, None, None],)

    with ExitStack() as hooks:
        hooks.callback(network.stem.register_forward_pre_hook(note_frames).remove)
        for module in network.modules():
            if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:
                hooks.callback(module.register_forward_pre_hook(end_in_zeros).remove)
        yield
