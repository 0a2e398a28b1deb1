"""The loop that most projects write: file order, padded batches of four, decoding inline.

Each function saves one file of features per utterance and returns the network's padded steps over
its real steps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from extract.media.frames import Stretch
from extract.media.video import sampled_pictures
from extract.network.compute import Compute
from features.manifest import Utterance

BATCH = 4


def batches_of_four(manifest: Sequence[Utterance]) -> Iterator[Sequence[Utterance]]:
    """The manifest in its order, four at a time."""
    for start in range(0, len(manifest), BATCH):
        yield manifest[start : start + BATCH]


def save(saved: Path, batch: Sequence[Utterance], tracks: Any, lengths: Sequence[int]) -> None:
    """One file per utterance, padding cut off."""
    for utterance, track, length in zip(batch, tracks.float().cpu().numpy(), lengths, strict=True):
        np.save(saved / f"{utterance.id}.npy", track[:length])


@torch.inference_mode()
def usual_text(
    backbone: Any, compute: Compute, root: Path, manifest: Sequence[Utterance], saved: Path
) -> float:
    """The tokenizer's own padded batches through the network."""
    real = padded = 0
    tokenizer = backbone.prepare.tokenizer
    for batch in batches_of_four(manifest):
        inputs = tokenizer([u.text for u in batch], padding=True, return_tensors="pt")
        states = backbone.network(**inputs.to(compute.device)).last_hidden_state
        lengths = inputs["attention_mask"].sum(1).tolist()
        save(saved, batch, states, lengths)
        real, padded = real + sum(lengths), padded + states.shape[0] * states.shape[1]
    return padded / real


@torch.inference_mode()
def usual_audio(
    backbone: Any, compute: Compute, root: Path, manifest: Sequence[Utterance], saved: Path
) -> float:
    """Zero-padded waveforms, scaled to mean 0 and variance 1, through the network."""
    real = padded = 0
    for batch in batches_of_four(manifest):
        waveforms = []
        for utterance in batch:
            samples, _ = soundfile.read(root / str(utterance.audio), dtype="float32")
            waveforms.append(torch.from_numpy((samples - samples.mean()) / samples.std()))
        inputs = torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True)
        states = backbone.network.library(inputs.to(compute.device)).last_hidden_state
        lengths = [backbone.prepare.num_steps(len(waveform)) for waveform in waveforms]
        save(saved, batch, states, lengths)
        real, padded = real + sum(lengths), padded + states.shape[0] * states.shape[1]
    return padded / real


@torch.inference_mode()
def usual_video(
    backbone: Any, compute: Compute, root: Path, manifest: Sequence[Utterance], saved: Path
) -> float:
    """Clips padded with black frames through the network."""
    real = padded = 0
    for batch in batches_of_four(manifest):
        clips = []
        for utterance in batch:
            path = root / str(utterance.video)
            prepare = backbone.prepare
            sampled = sampled_pictures(path, [prepare.rate_hz], Stretch())
            frames = [prepare.frame(p) for p, (count,) in sampled for _ in range(count)]
            clips.append(torch.from_numpy(np.stack(frames)))
        inputs = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True).to(compute.device)
        states = backbone._steps(backbone.scale(inputs).transpose(1, 2))[:, 0]
        save(saved, batch, states, [-(-len(clip) // 8) for clip in clips])
        real, padded = real + sum(map(len, clips)), padded + inputs.shape[0] * inputs.shape[1]
    return padded / real


@torch.inference_mode()
def usual_frames(
    backbone: Any, compute: Compute, root: Path, manifest: Sequence[Utterance], saved: Path
) -> float:
    """The frames of one clip after another through the network, in the library's preprocessing."""
    processor, rate_hz = backbone.prepare.shape.processor, backbone.prepare.rate_hz
    for utterance in manifest:
        path = root / str(utterance.video)
        sampled = sampled_pictures(path, [rate_hz], Stretch())
        pictures = [picture for picture, (count,) in sampled for _ in range(count)]
        pixels = processor(pictures, return_tensors="pt").pixel_values.to(compute.device)
        states = backbone.network(pixels).image_embeds
        save(saved, [utterance], states[None], [len(pictures)])
    return 1.0
