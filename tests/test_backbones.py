"""Conformance of every file in extract/backbones, on its tiny network."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from extract.backbones import log_mel
from extract.media.text import Text
from extract.network.backbone import Backbone
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.leaves import leaf_constant, leaf_names, leaf_parameters, load_leaf
from features.manifest import MODALITIES
from tests.backbone_contract import CHECKS, contract_violations
from tests.conformance import (
    assert_neighbours_never_matter,
    assert_repeatable,
    clip,
    media,
    rows,
    windows,
)

NAMES = leaf_names("extract/backbones")
MISSING = object()
SHORTEST = {"text": Text("a"), "audio": (np.zeros(1, np.float32), 16_000), "video": 1}


@pytest.fixture(params=NAMES)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    tiny: Backbone = load_leaf("extract/backbones", request.param).tiny()
    return tiny


def networks(backbone: Backbone) -> list[nn.Module]:
    return [value for value in vars(backbone).values() if isinstance(value, nn.Module)]


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_declares_its_modality_version_and_settings(name: str) -> None:
    module = load_leaf("extract/backbones", name)
    stated = leaf_constant("extract/backbones", name, "MODALITY")
    modalities = {stated} if isinstance(stated, str) else set(*map(dict.values, stated.values()))
    assert module.tiny().modality in modalities
    assert leaf_constant("extract/backbones", name, "VERSION") == module.tiny().version
    keyword_only = [
        p.name
        for p in inspect.signature(module.load).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    ]
    assert [p.name for p in leaf_parameters("extract/backbones", name, "load")] == keyword_only


def test_a_backbone_keeps_the_contract(backbone: Backbone) -> None:
    violations = contract_violations(backbone)
    assert not violations, "\n".join(["the contract in extract/network/backbone.py:", *violations])


def test_a_backbone_that_reads_text_gives_the_span_of_every_kept_step(backbone: Backbone) -> None:
    example = backbone.prepare(media(backbone, 9, np.random.default_rng(3)))
    if "text" not in backbone.reading.modalities:
        assert example.spans is None
        return
    kept = sum(track.shape[1] for track in Encoder(backbone, CPU).tracks({0: example}).values())
    assert example.spans is not None and len(example.spans) == kept
    assert all(0 <= start <= end for start, end in example.spans)


def test_every_attribute_and_method_of_the_contract_is_checked() -> None:
    methods = {name for name, value in vars(Backbone).items() if inspect.isfunction(value)}
    public = {name for name in methods if not name.startswith("_")}
    assert CHECKS.keys() == Backbone.__annotations__.keys() | public


class Changed:
    """A backbone with other attributes; one that is MISSING is not there."""

    def __init__(self, backbone: Backbone, **attributes: Any) -> None:
        self.backbone = backbone
        self.attributes = attributes

    def __getattr__(self, name: str) -> Any:
        value = self.attributes.get(name, getattr(self.backbone, name, MISSING))
        if value is MISSING:
            raise AttributeError(name)
        return value


@pytest.mark.parametrize("name", CHECKS)
def test_a_backbone_without_an_attribute_is_reported(name: str) -> None:
    (violation,) = contract_violations(Changed(log_mel.tiny(), **{name: MISSING}))
    assert violation.startswith(f"{name} is missing; it must be ")


@pytest.mark.parametrize(
    ("name", "value", "requirement"),
    [
        ("modality", "smell", "one of 'audio', 'text', 'video'"),
        ("modality", "text", "both must be the same"),
        ("dim", 0, "a whole number above 0"),
        ("dim", np.int64(16), "a whole number above 0"),
        ("dim", 15, "torch.float32 (1, steps, 15)"),
        ("layers", (), "at least one, ascending"),
        ("layers", (2, 1), "at least one, ascending"),
        ("layers", [0], "a tuple of layer numbers"),
        ("version", "1", "a whole number above 0"),
        ("weights_digest", "none", "64 hexadecimal digits"),
        ("rate_hz", None, "both must be None or neither"),
        ("rate_hz", 0, "a number above 0, or None"),
        ("first_step_s", -0.1, "a number from 0 on, or None"),
        ("reading", ("audio",), "a Reading of at least one modality"),
        ("nominal_steps", 0.5, "a whole number above 0"),
        ("budget", 0, "a whole number above 0"),
        ("cost", lambda window: 0, "cost of a window is 0"),
        ("encode", lambda windows: [], "must return as many tracks"),
    ],
)  # fmt: skip
def test_a_value_that_breaks_the_contract_is_reported(
    name: str, value: Any, requirement: str
) -> None:
    assert requirement in "\n".join(contract_violations(Changed(log_mel.tiny(), **{name: value})))


def test_all_violations_of_a_backbone_are_reported_at_once() -> None:
    changed = Changed(log_mel.tiny(), dim=0, budget=MISSING, modality="smell")
    assert [line.split()[0] for line in contract_violations(changed)] == [
        "modality",
        "dim",
        "budget",
    ]


@torch.inference_mode()
def test_tracks_are_float32_layers_by_steps_by_width(backbone: Backbone) -> None:
    many = windows(backbone, 6)
    for track, window in zip(backbone.encode(many), many, strict=True):
        assert track.dtype == torch.float32 and track.device.type == "cpu"
        assert (track.shape[0], track.shape[2]) == (len(backbone.layers), backbone.dim)
        assert track[:, window.keep].shape[1] >= 1


def test_prepare_can_be_pickled_for_another_process(backbone: Backbone) -> None:
    decoded = media(backbone, 9, np.random.default_rng(3))
    example = backbone.prepare(decoded)
    unpickled = pickle.loads(pickle.dumps(backbone.prepare))(decoded)
    assert example.spans == unpickled.spans
    for window, expected in zip(unpickled.windows, example.windows, strict=True):
        assert np.array_equal(window.values, expected.values)


def test_batch_neighbours_never_matter(backbone: Backbone) -> None:
    assert_neighbours_never_matter(backbone, windows(backbone))


def test_the_same_plan_twice_is_bit_identical(backbone: Backbone) -> None:
    assert_repeatable(backbone, windows(backbone, 8))


@torch.inference_mode()
def test_the_shortest_input_has_one_step(backbone: Backbone) -> None:
    shortest = SHORTEST[backbone.modality]
    if backbone.modality == "video":
        shortest = clip(backbone, np.zeros((1, 18, 24, 3), np.uint8))
    if backbone.reading.modalities[0] not in MODALITIES:
        shortest = rows(np.zeros((1, backbone.dim)))
    example = backbone.prepare(shortest)
    assert backbone.cost(example.windows[0]) >= 1
    assert Encoder(backbone, CPU).tracks({0: example})[0].shape[1] == 1


@torch.inference_mode()
def test_frozen_means_frozen(backbone: Backbone) -> None:
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in networks(backbone)]
    backbone.encode(windows(backbone, 4))
    for network, state in zip(networks(backbone), before, strict=True):
        assert not any(p.requires_grad for p in network.parameters())
        assert not any(module.training for module in network.modules())
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


# Standard deviation, mean magnitude and first four values of a tiny track; if they change, so must
# VERSION.
GOLDEN_VALUES = {
    ("data2vec-audio", 1): [1.00051, 0.76326, 0.39977, 2.10962, 0.23941, 0.69716],
    ("emotion2vec", 1): [1.00052, 0.80180, 0.19219, -0.44174, 2.43931, -0.26141],
    ("hf-text", 1): [1.00116, 0.81240, -0.77314, -1.10481, -0.74499, -0.81655],
    ("hubert", 1): [0.99990, 0.78432, 0.65198, 0.32228, 0.63131, -0.87358],
    ("clip-frames", 1): [0.8514, 0.64888, -0.09714, -0.05368, -1.22174, 0.37917],
    ("videomae", 1): [0.48763, 0.51389, 0.49671, 0.00062, 0.45854, 0.80257],
    ("omni-audio", 1): [0.07611, 0.06092, 0.00183, 0.04929, -0.01607, 0.06172],
    ("videollama", 1): [0.56023, 0.26665, -0.0014, 0.00104, -0.00032, -0.00088],
    ("imported", 1): [0.87333, 0.72221, 0.00123, 0.29875, -0.27414],
    ("log-mel", 1): [0.80255, 2.55199, 1.79041, 2.01459, 2.13487, 1.98706],
    ("mfcc", 1): [3.66696, 1.91297, 10.08145, -2.49343, 0.56375, 0.34601],
    ("opensmile", 1): [36.83900, 7.79019, 0.00000, 0.00000, 0.00000, 0.00000],
    ("prosody", 1): [2.62803, 2.63272, 5.46084, 0.09764, -2.35356, 4.00979],
    ("r3d", 2): [0.07129, 0.04917, 0.00000, 0.00000, 0.08463, 0.01367],
    ("wav2vec2", 1): [1.00051, 0.77595, 0.77160, 0.63800, 0.17982, -0.18243],
    ("wavlm", 1): [1.00051, 0.82454, -1.51192, 0.08560, 1.21013, 1.60691],
    ("whisper", 1): [0.76970, 0.67293, 0.00041, -0.00223, -0.00027, 0.00004],
}


def golden_line(name: str, version: int, values: list[float]) -> str:
    """The line of GOLDEN_VALUES to paste."""
    return f'    ("{name}", {version}): [{", ".join(f"{value:.5f}" for value in values)}],'


@torch.inference_mode()
@pytest.mark.parametrize("name", NAMES)
def test_values_change_only_with_the_version(name: str) -> None:
    module = load_leaf("extract/backbones", name)
    backbone, version = module.tiny(), module.VERSION
    example = backbone.prepare(media(backbone, 9, np.random.default_rng(7)))
    track = Encoder(backbone, CPU).tracks({0: example})[0]
    values = [float(track.std()), float(track.abs().mean()), *track[0, 0, :4].tolist()]
    assert (name, version) in GOLDEN_VALUES, (
        f"{name} has no golden values of version {version}; add to GOLDEN_VALUES\n"
        + golden_line(name, version, values)
    )
    assert values == pytest.approx(GOLDEN_VALUES[name, version], rel=1e-3, abs=1e-4), (
        f"the values of {name} have changed; where that is intended, raise its VERSION to "
        f"{version + 1} and write in GOLDEN_VALUES\n" + golden_line(name, version + 1, values)
    )
