"""Speech networks: checkpoints, sample rates, short clips, long recordings, emotion2vec's files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchaudio
import transformers
from safetensors.torch import load_file, save_file

from extract.backbones import emotion2vec, log_mel, mfcc, wav2vec2, whisper
from extract.backbones._speech.encoder import Speech, receptive_field
from extract.network.checkpoint_folders import digest_checkpoint
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from extract.network.windows import Cut, Windowing
from features.errors import ProjectError
from tests.conformance import assert_same


def noise(num_samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(num_samples).normal(0, 0.1, num_samples).astype(np.float32)


def track(backbone: Any, samples: Any, rate_hz: int = 16_000) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare((samples, rate_hz))})[0]


class TestWindowing:
    def test_an_input_within_the_limit_is_one_window(self) -> None:
        assert Windowing(10, 4).cuts(10) == [Cut(0, 10, slice(0, 10))]

    def test_of_what_two_windows_share_each_keeps_its_half(self) -> None:
        assert Windowing(10, 4).cuts(18) == [
            Cut(0, 10, slice(0, 8)),
            Cut(6, 16, slice(2, 8)),
            Cut(12, 18, slice(2, 6)),
        ]

    @pytest.mark.parametrize(("limit", "overlap"), [(10, 4), (10, 0), (7, 6), (3, 1), (1, 0)])
    def test_every_step_is_kept_once_and_in_order(self, limit: int, overlap: int) -> None:
        for num_steps in range(1, 60):
            cuts = Windowing(limit, overlap).cuts(num_steps)
            kept = [step for cut in cuts for step in range(cut.start, cut.stop)[cut.keep]]
            assert kept == list(range(num_steps))
            assert all(cut.stop - cut.start <= limit for cut in cuts)

    def test_windows_must_be_longer_than_what_they_share(self) -> None:
        with pytest.raises(ProjectError, match="overlap_s is 5.0 and window_s is 5.0"):
            Windowing.seconds(5.0, 5.0, 50.0)
        with pytest.raises(ProjectError, match=r"by at least one step, 0\.02 s"):
            Windowing.seconds(1.0, 0.99, 50.0)


class TestWaveforms:
    def test_other_sample_rates_are_brought_to_16_khz(self) -> None:
        example = wav2vec2.tiny().prepare((np.zeros(48_000, np.float32), 48_000))
        assert len(example.windows[0].values) == 16_000

    @pytest.mark.parametrize("num_samples", [400, 719, 720, 5000, 16_000, 16_001])
    def test_the_number_of_steps_is_that_of_the_convolutions(self, num_samples: int) -> None:
        backbone = wav2vec2.tiny()
        with torch.inference_mode():
            convolved = backbone.network.library.feature_extractor(torch.zeros(1, num_samples))
        assert backbone.prepare.num_steps(num_samples) == convolved.shape[2]

    def test_a_clip_shorter_than_one_step_is_lengthened_with_zeros_after_it(self) -> None:
        values = log_mel.tiny().prepare((np.ones(3, np.float32), 16_000)).windows[0].values
        assert values.tolist() == [1.0] * 3 + [0.0] * 397

    def test_the_receptive_field_of_the_published_convolutions(self) -> None:
        assert receptive_field((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)) == (400, 320)

    def test_a_long_recording_is_scaled_as_a_whole_and_cut_into_windows(self) -> None:
        backbone = wav2vec2.tiny()
        windowed = Speech(
            backbone.network,
            "",
            CPU,
            version=0,
            variance_floor=1e-7,
            layers=[2],
            window_s=1.0,
            overlap_s=0.4,
        )
        samples = noise(16_000 * 3 + 123)
        example = windowed.prepare((samples, 16_000))
        whole = backbone.prepare((samples, 16_000)).windows[0]
        assert len(example.windows) == 5
        assert max(len(w.values) for w in example.windows) == 49 * 320 + 400
        first = example.windows[1].values
        assert np.array_equal(first, whole.values[30 * 320 :][: len(first)])
        assert track(windowed, samples).shape[1] == backbone.cost(whole) == 150

    def test_the_middle_of_a_window_is_nearly_that_of_the_whole(self) -> None:
        samples = noise(16_000 * 3)
        samples[:16_000] *= 3
        windowed = log_mel.load(CPU, num_bands=8)
        windowed.prepare = log_mel.tiny().prepare.__class__(400, 160, None, Windowing(50, 10))
        whole = track(log_mel.load(CPU, num_bands=8), samples)
        assert torch.allclose(track(windowed, samples), whole, atol=1e-5)


class TestWav2Vec2:
    def test_a_saved_checkpoint_loads_and_is_digested(self, tmp_path: Path) -> None:
        wav2vec2.tiny().network.library.save_pretrained(tmp_path)
        (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": false}')
        backbone = wav2vec2.load(CPU, checkpoint=str(tmp_path))
        assert backbone.prepare.variance_floor is None and backbone.layers == (2,)
        assert backbone.weights_digest == digest_checkpoint(tmp_path)

    def test_a_padded_batch_of_the_library_changes_a_track(self) -> None:
        backbone = wav2vec2.tiny()
        short, long = (torch.from_numpy(noise(n)) for n in (8_000, 16_000))
        padded = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True)
        with torch.inference_mode():
            alone = backbone.network.library(short[None]).last_hidden_state[0]
            naive = backbone.network.library(padded).last_hidden_state[0, : len(alone)]
        assert float((naive - alone).norm() / alone.norm()) > 0.1

    def test_preprocessing_that_came_with_a_processor_counts(self, tmp_path: Path) -> None:
        wav2vec2.tiny().network.library.save_pretrained(tmp_path)
        extractor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": False}
        content = {"processor_class": "Wav2Vec2Processor", "feature_extractor": extractor}
        (tmp_path / "processor_config.json").write_text(json.dumps(content))
        assert wav2vec2.load(CPU, checkpoint=str(tmp_path)).prepare.variance_floor is None

    def test_networks_for_other_sample_rates_are_refused(self, tmp_path: Path) -> None:
        wav2vec2.tiny().network.library.save_pretrained(tmp_path)
        extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000)
        extractor.save_pretrained(tmp_path)
        with pytest.raises(ProjectError, match="reads audio of 8000 Hz; only networks for 16000"):
            wav2vec2.load(CPU, checkpoint=str(tmp_path))

    def test_a_checkpoint_without_the_vector_of_masked_steps_loads(self, tmp_path: Path) -> None:
        wav2vec2.tiny().network.library.save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        del weights["masked_spec_embed"]
        save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        assert wav2vec2.load(CPU, checkpoint=str(tmp_path), normalise=True).dim == 16

    def test_an_adapter_is_refused(self, tmp_path: Path) -> None:
        library = wav2vec2.tiny().network.library
        library.config.add_adapter, library.config.output_hidden_size = True, 16
        transformers.Wav2Vec2Model(library.config).save_pretrained(tmp_path)
        with pytest.raises(ProjectError, match=r"has an adapter after its transformer"):
            wav2vec2.load(CPU, checkpoint=str(tmp_path))


@pytest.mark.parametrize(
    ("backbone", "rate_hz", "first_step_s"),
    [
        (wav2vec2.tiny(), 50.0, 0.0125),
        (emotion2vec.tiny(), 50.0, 0.0125),
        (whisper.tiny(), 50.0, 0.0),
        (log_mel.tiny(), 100.0, 0.0125),
        (mfcc.tiny(), 100.0, 0.0125),
    ],
    ids=["wav2vec2", "emotion2vec", "whisper", "log-mel", "mfcc"],
)
def test_steps_lie_where_the_field_of_view_is(
    backbone: Any, rate_hz: float, first_step_s: float
) -> None:
    assert (backbone.rate_hz, backbone.first_step_s) == (rate_hz, first_step_s)


class TestWhisper:
    def test_preprocessing_of_another_network_is_refused(self, tmp_path: Path) -> None:
        config = transformers.WhisperConfig(
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=8,
            max_source_positions=50, vocab_size=8, pad_token_id=0, decoder_start_token_id=1,
            bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        transformers.WhisperModel(config).save_pretrained(tmp_path)
        transformers.WhisperFeatureExtractor(feature_size=16).save_pretrained(tmp_path)
        with pytest.raises(ProjectError, match=r"does not fit its network.*\(16000, 320, 100, 8\)"):
            whisper.load(CPU, checkpoint=str(tmp_path))

    def test_a_long_recording_is_cut_into_windows_of_the_network(self) -> None:
        backbone = whisper.tiny()  # windows of 1 s that share 0.2 s
        example = backbone.prepare((noise(40_000), 16_000))
        assert [window.keep for window in example.windows] == [
            slice(0, 45), slice(5, 45), slice(5, 45),
        ]  # fmt: skip
        assert track(backbone, noise(40_000)).shape == (3, 125, 16)


class TestMfcc:
    def test_coefficients_are_those_of_torchaudio_on_natural_logarithms(self) -> None:
        samples = noise(4000)
        published = torchaudio.transforms.MFCC(
            16_000, n_mfcc=13, log_mels=True,
            melkwargs={"n_fft": 400, "hop_length": 160, "n_mels": 40, "center": False},
        )  # fmt: skip
        coefficients = track(mfcc.load(CPU, num_coefficients=13, num_bands=40), samples)
        assert_same(coefficients[0], published(torch.from_numpy(samples)).T)

    def test_there_are_no_more_coefficients_than_bands(self) -> None:
        with pytest.raises(ProjectError, match="num_coefficients is 65, but num_bands is 64"):
            mfcc.load(CPU, num_coefficients=65)
