"""Tokenizers: what a folder must hold, long texts, words that it does not know."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers as hf

from extract.backbones import hf_text, videollama
from extract.backbones._videollama.tiny import save_tiny
from extract.media.text import Text
from extract.network.compute import CPU
from features.errors import ProjectError
from tests.architectures import SMALL, byte_pairs, texts
from tests.published_layouts import TEXTS


def edited(file: Path, **settings: Any) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | settings))


class TestVocabularies:
    @pytest.mark.parametrize("name", texts(SMALL))
    def test_a_folder_without_one_is_refused(self, name: str, tmp_path: Path) -> None:
        texts(SMALL)[name].save(tmp_path)
        (tmp_path / "tokenizer.json").unlink()
        message = rf"{tmp_path.name} has no tokenizer vocabulary.*tokenizer\.save_pretrained"
        with pytest.raises(ProjectError, match=message):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_one_of_byte_pairs_needs_its_merges(self, tmp_path: Path) -> None:
        TEXTS["roberta-base-go_emotions"](tmp_path)
        (tmp_path / "merges.txt").unlink()
        with pytest.raises(ProjectError, match="tokenizer vocabulary.*vocab.json with merges.txt"):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_one_of_another_kind_of_tokenizer_is_not_taken_for_one(self, tmp_path: Path) -> None:
        TEXTS["bert-base-uncased"](tmp_path)
        (tmp_path / "vocab.txt").rename(tmp_path / "spm.model")
        with pytest.raises(ProjectError, match="has no words, only 5 special tokens"):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_videollamas_words_need_one_and_its_pictures_do_not(self, tmp_path: Path) -> None:
        save_tiny(tmp_path, 0)
        (tmp_path / "tokenizer.json").unlink()
        for branch in ("text", "joint"):
            with pytest.raises(ProjectError, match="has no tokenizer vocabulary"):
                videollama.load(CPU, branch=branch, checkpoint=str(tmp_path))  # type: ignore[arg-type]
        assert videollama.load(CPU, branch="video", checkpoint=str(tmp_path)).dim == 32


class TestTokensBeyondTheNetwork:
    def test_they_are_refused_with_both_numbers(self, tmp_path: Path) -> None:
        TEXTS["bert-base-uncased"](tmp_path)
        with (tmp_path / "vocab.txt").open("a") as file:
            file.write("\nx1\nx2")
        message = (
            "has tokens up to number 58, but the network has embeddings for 58, up to number 57"
        )
        with pytest.raises(ProjectError, match=message):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_an_added_token_counts(self, tmp_path: Path) -> None:
        _, _ = TEXTS["roberta-base-go_emotions"](tmp_path)
        tokenizer = byte_pairs(hf.RobertaTokenizerFast)
        tokenizer.add_tokens(["<laughs>"])
        tokenizer.save_pretrained(tmp_path)
        with pytest.raises(
            ProjectError, match="up to number 58, but the network has embeddings for 58"
        ):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_those_of_videollama_are_refused(self, tmp_path: Path) -> None:
        save_tiny(tmp_path, 0)
        tokenizer = hf.AutoTokenizer.from_pretrained(tmp_path)
        num_embeddings = len(tokenizer)
        tokenizer.add_tokens(["<laughs>"])
        tokenizer.save_pretrained(tmp_path)
        message = (
            f"up to number {num_embeddings}, but the network has embeddings for {num_embeddings},"
        )
        with pytest.raises(ProjectError, match=message):
            videollama.load(CPU, branch="text", checkpoint=str(tmp_path))


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_long_text_keeps_its_order_whatever_side_the_tokenizer_cuts(
    name: str, tmp_path: Path
) -> None:
    usual: Any = texts(SMALL)[name].load(tmp_path)
    edited(tmp_path / "tokenizer_config.json", truncation_side="left")
    assert hf.AutoTokenizer.from_pretrained(tmp_path).truncation_side == "left"
    left = hf_text.load(CPU, checkpoint=str(tmp_path))
    long = Text(" ".join(chr(97 + number % 26) for number in range(200)))
    expected, example = usual.prepare(long), left.prepare(long)
    assert len(example.windows) == 4 and example.spans == expected.spans
    starts = [start for start, _ in example.spans]
    assert starts == sorted(starts)
    for window, expected_window in zip(example.windows, expected.windows, strict=True):
        assert window.values.tolist() == expected_window.values.tolist()


class TestUnknownWords:
    @pytest.mark.parametrize(
        ("text", "num_unknown"),
        [("Ω Ω a", 2), ("Ω " * 100, 100), ("Ω a", None), ("a b c", None), ("", None)],
    )
    def test_texts_of_mostly_unknown_tokens_are_counted(
        self, text: str, num_unknown: int | None
    ) -> None:
        facts = {} if num_unknown is None else {"num_unknown": num_unknown}
        assert hf_text.tiny().prepare(Text(text)).facts == facts

    def test_what_was_said_before_does_not_count(self) -> None:
        prepare = hf_text.tiny().prepare
        assert prepare(Text("a b", ("Ω Ω Ω",))).facts == {}
        assert prepare(Text("Ω Ω", ("a b c d e",))).facts == {"num_unknown": 2}

    def test_no_word_is_unknown_to_a_tokenizer_of_bytes(self) -> None:
        backbone = videollama.load(CPU, checkpoint="tiny", branch="text")
        assert backbone.prepare(Text("Ω Ω")).facts == {}


def test_deberta_is_read_from_its_sentencepiece_model_spans_included(tmp_path: Path) -> None:
    _, tokens = TEXTS["deberta-v3-base"](tmp_path)
    backbone = hf_text.load(CPU, checkpoint=str(tmp_path))
    text = "oh no what a day"
    example = backbone.prepare(Text(text))
    assert example.windows[0].values[0].tolist() == tokens(text)
    assert example.spans is not None
    words = [text[start:end] for start, end in example.spans]
    assert "".join(words) == "ohnowhataday" and not [word for word in words if " " in word]
