"""Reads emotion2vec as it is published: ``config.yaml`` and its weights. Executes nothing."""

import ast
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from torch import Tensor

from extract.backbones._emotion2vec.network import Architecture, Emotion2VecNetwork
from extract.network.weights_files import EMOTION2VEC_WEIGHTS, emotion2vec_weights, file_names
from features.errors import ProjectError
from features.files import digest_file, digest_json

MAX_LAYERS, MAX_SPEC = 64, 1000
UNFIT = (YAMLError, KeyError, TypeError, ValueError, ArithmeticError, RuntimeError, RecursionError)
CONFIG = "config.yaml"
AUDIO = "modality_encoders.AUDIO."
# Published names after AUDIO, and ours.
NAMES = (
    (r"local_encoder\.conv_layers\.(\d+)\.0\.", r"convolutions.\1.conv."),
    (r"local_encoder\.conv_layers\.(\d+)\.2\.1\.", r"convolutions.\1.norm."),
    (r"project_features\.1\.", "project_norm."),
    (r"project_features\.2\.", "project."),
    (r"context_encoder\.norm\.", "norm."),
    (r"context_encoder\.blocks\.(\d+)\.(attn\.|mlp\.)?", r"blocks.\1."),
)


@dataclass(frozen=True)
class Published:
    """A checkpoint: its network, whether clips are scaled, and the digest of its files."""

    network: Emotion2VecNetwork
    normalise: bool
    digest: str


def read_checkpoint(folder: Path) -> Published:
    """Read a published folder; ProjectError where a file is missing or of another architecture."""
    weights = _weights_file(folder)
    try:
        with (folder / CONFIG).open(encoding="utf-8") as stream:
            config = YAML(typ="safe", pure=True).load(stream)["model_conf"]
        sizes = architecture(config)
        normalise = bool(config["normalize"])
        network = Emotion2VecNetwork(sizes)
    except UNFIT as error:
        raise ProjectError(
            f"{folder / CONFIG} does not describe an emotion2vec network "
            f"({type(error).__name__}: {' '.join(str(error).split())})"
        ) from None
    published = _tensors(weights)
    state = {our_name(name, sizes.prenet_depth): tensor for name, tensor in published.items()}
    load_weights(network, state, weights)
    digest = digest_json({file.name: digest_file(file) for file in (folder / CONFIG, weights)})
    return Published(network, normalise, digest)


def _weights_file(folder: Path) -> Path:
    names = file_names(folder)
    weights = emotion2vec_weights(folder, names)
    if CONFIG in names and weights is not None:
        return folder / weights
    missing = CONFIG if CONFIG not in names else EMOTION2VEC_WEIGHTS[0]
    raise ProjectError(
        f"the checkpoint in {folder} has no {missing}; emotion2vec is published as {CONFIG} and "
        f"weights ({' or '.join(EMOTION2VEC_WEIGHTS)}, or the name in configuration.json). Copy "
        "both into that folder."
    )


def architecture(config: Mapping[str, Any]) -> Architecture:
    """The sizes that a `model_conf` states.

    Raises ValueError for a network unlike the published ones, which normalise after each half of a
    block, have a layer-norm extractor, and fixed ALiBi slopes.
    """
    audio = config["modalities"]["audio"]
    expected: list[tuple[Mapping[str, Any], str, Any]] = [
        (config, "layer_norm_first", False),
        (config, "norm_affine", True),
        (audio, "extractor_mode", "layer_norm"),
        (audio, "use_alibi_encoder", True),
        (audio, "learned_alibi", False),
        (audio, "conv_pos_pre_ln", False),
    ]
    for section, name, value in expected:
        if section[name] != value:
            raise ValueError(f"{name} is {section[name]!r}; only {value!r} is supported")
    per_layer = audio["learned_alibi_scale_per_layer"]
    return Architecture(
        convolutions=conv_layers(audio["feature_encoder_spec"]),
        dim=int(config["embed_dim"]),
        num_heads=int(config["num_heads"]),
        mlp_ratio=float(config["mlp_ratio"]),
        norm_eps=float(config["norm_eps"]),
        num_positional=int(audio["conv_pos_depth"]),
        positional_kernel=max(3, audio["conv_pos_width"] // audio["conv_pos_depth"]),
        positional_groups=int(audio["conv_pos_groups"]),
        num_extra_tokens=int(audio["num_extra_tokens"]),
        num_scales=audio["prenet_depth"] + config["depth"] if per_layer else 1,
        heads_scaled=bool(audio["learned_alibi_scale_per_head"]),
        prenet_depth=int(audio["prenet_depth"]),
        depth=int(config["depth"]),
    )


def conv_layers(spec: str) -> tuple[tuple[int, int, int], ...]:
    """Read a list of (width, kernel, stride) such as ``[(512, 10, 5)] + [(512, 3, 2)] * 4``.

    Only lists, tuples, whole numbers, ``+`` and ``*`` are allowed. Raises ValueError for anything
    else.
    """

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=int() as number):
                return number
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [value(item) for item in items]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int() as times)):
                repeated = value(left)
                if len(repeated) * times <= MAX_LAYERS:
                    return repeated * times
        raise ValueError(f"{ast.unparse(node)!r} is not a list of (width, kernel, stride)")

    try:
        layers = value(ast.parse(spec[:MAX_SPEC], mode="eval").body)
        return tuple((int(width), int(kernel), int(stride)) for width, kernel, stride in layers)
    except (SyntaxError, TypeError):
        raise ValueError(f"{spec!r} is not a list of (width, kernel, stride)") from None


def our_name(published: str, prenet_depth: int) -> str:
    """A weight's name in our network; weights that only pre-training uses keep published names."""
    name = published.removeprefix("d2v_model.")
    if match := re.fullmatch(r"blocks\.(\d+)\.(?:attn\.|mlp\.)?(.+)", name):
        return f"blocks.{prenet_depth + int(match[1])}.{match[2]}"
    name = name.removeprefix(AUDIO)
    if match := re.fullmatch(r"relative_positional_encoder\.(\d+)\.0\.(.+)", name):
        return f"positional.{int(match[1]) - 1}.{match[2]}"
    for pattern, ours in NAMES:
        name = re.sub(f"^{pattern}", ours, name)
    return name


def load_weights(network: Emotion2VecNetwork, state: Mapping[str, Tensor], file: Path) -> None:
    """Load the weights of a file into the network, except those that only pre-training uses."""
    expected = network.state_dict()
    missing = sorted(expected.keys() - state.keys())
    shared = sorted(expected.keys() & state.keys())
    misshapen = [name for name in shared if state[name].shape != expected[name].shape]
    if missing or misshapen:
        raise ProjectError(
            f"{file} lacks {len(missing)} weights of the network that {CONFIG} describes and has "
            f"{len(misshapen)} of another shape, such as {(missing + misshapen)[0]!r}; the two "
            "files do not belong together. Copy both from the same published checkpoint."
        )
    network.load_state_dict({name: state[name] for name in expected})


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ProjectError(
            f"{file} cannot be read as plain tensors; anything else is refused: {reason}"
        ) from None
    state = content.get("model", content) if isinstance(content, dict) else None
    values = state if isinstance(state, dict) else {}
    # Some are counters and the like from training.
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ProjectError(
            f"{file} has no weights under 'model'; give the file that emotion2vec publishes"
        )
    return tensors
