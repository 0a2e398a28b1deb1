"""Clips of several lengths in one batch of a 3-D ResNet, each as if it were alone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torchvision.models.video.resnet import VideoResNet


@contextmanager
def padding_as_alone(network: VideoResNet, lengths: Tensor) -> Iterator[None]:
    """Zero clips `(B, C, T, H, W)` after their `lengths (B,)` frames before every convolution.

    So each convolution over time pads a clip as if it were alone. A stage halves the frames, and
    rounds up.
    """
    num_frames: list[int] = []

    def record_frames(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        num_frames.append(inputs[0].shape[2])

    def zero_padding(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (hidden,), real, count = inputs, lengths, num_frames[0]
        while count > hidden.shape[2]:
            real, count = (real + 1) // 2, (count + 1) // 2
        is_real = torch.arange(count, device=hidden.device) < real[:, None]
        return (hidden * is_real[:, None, :, None, None],)

    with ExitStack() as hooks:
        hooks.callback(network.stem.register_forward_pre_hook(record_frames).remove)
        for module in network.modules():
            if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:
                hooks.callback(module.register_forward_pre_hook(zero_padding).remove)
        yield
