"""Fakes of published checkpoints: their files, key names and quirks, with small random weights.

Each is written as its publisher did, and gives back the library's network in memory: what is read
from the files must give the same.
"""

import io
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers as hf
from safetensors.torch import save_file
from torch import Tensor

from extract.network.backbone import seeded
from tests.architectures import DEBERTA, LETTERS, MODERN, SMALL, byte_pairs, word_piece

State = dict[str, Tensor]
# A network in memory, and the numbers that its publisher's tokenizer makes of a text.
TextNetwork = tuple[Any, Callable[[str], list[int]]]
WORDS = {"vocab_size": 58, **SMALL}
DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64}


def drawn(build: Callable[[], Any]) -> Any:
    """A network of which no weight is as it begins, norms included."""

    def disturbed() -> Any:
        network = build().eval().requires_grad_(False)
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
        return network

    return seeded(0, disturbed)


def write(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))


def write_weights(folder: Path, state: State, name: str = "model.safetensors") -> None:
    copies = {key: value.clone().contiguous() for key, value in state.items()}
    if name.endswith(".safetensors"):
        save_file(copies, folder / name, {"format": "pt"})
    else:
        torch.save(copies, folder / name)


def write_network(
    folder: Path, network: Any, renamed: Callable[[str], str] = str, *, extra: State, old: bool
) -> None:
    """The weights under their published names, and the configuration."""
    write(folder, "config.json", network.config.to_diff_dict() | {"transformers_version": "4.6"})
    state = {renamed(name): value for name, value in network.state_dict().items()}
    write_weights(folder, state | extra, "pytorch_model.bin" if old else "model.safetensors")


def write_word_pieces(folder: Path) -> Callable[[str], list[int]]:
    tokenizer = word_piece(hf.BertTokenizerFast)
    vocabulary = tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)))
    write(folder, "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 64})
    return lambda text: tokenizer(text).input_ids


def positions(prefix: str, count: int) -> State:
    return {f"{prefix}embeddings.position_ids": torch.arange(count)[None]}


def bert(folder: Path) -> TextNetwork:
    """bert-base-uncased: gamma and beta, heads of pre-training, vocab.txt."""
    network = drawn(lambda: hf.BertForPreTraining(hf.BertConfig(**WORDS)))

    def renamed(name: str) -> str:
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        return name.replace("LayerNorm.bias", "LayerNorm.beta")

    write_network(folder, network, renamed, extra=positions("bert.", 66), old=False)
    return network.bert, write_word_pieces(folder)


def minilm(folder: Path) -> TextNetwork:
    """all-MiniLM: no prefix, and with the files of sentence-transformers."""
    network = drawn(lambda: hf.BertModel(hf.BertConfig(**WORDS)))
    write_network(folder, network, extra=positions("", 66), old=False)
    write(folder, "modules.json", {"modules": []})
    write(folder / "1_Pooling", "config.json", {"pooling_mode_mean_tokens": True})
    return network, write_word_pieces(folder)


def distilbert(folder: Path) -> TextNetwork:
    network = drawn(lambda: hf.DistilBertForMaskedLM(hf.DistilBertConfig(vocab_size=58, **DISTIL)))
    write_network(folder, network, extra={}, old=False)
    return network.distilbert, write_word_pieces(folder)


def write_byte_pairs(folder: Path) -> Callable[[str], list[int]]:
    tokenizer = byte_pairs(hf.RobertaTokenizerFast)
    write(folder, "vocab.json", tokenizer.get_vocab())
    merges = "\n".join(f"Ġ {letter}" for letter in LETTERS)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    return lambda text: tokenizer(text).input_ids


def roberta(folder: Path) -> TextNetwork:
    """go_emotions and its like: a body of classification in a .bin, vocab.json and merges.txt."""
    config = hf.RobertaConfig(pad_token_id=1, **WORDS)
    network = drawn(lambda: hf.RobertaForSequenceClassification(config))
    write_network(folder, network, extra=positions("roberta.", 66), old=True)
    return network.roberta, write_byte_pairs(folder)


def modernbert(folder: Path) -> TextNetwork:
    config = hf.ModernBertConfig(pad_token_id=1, **WORDS, **MODERN)
    network = drawn(lambda: hf.ModernBertForMaskedLM(config))
    write_network(folder, network, extra={}, old=False)
    tokenizer = byte_pairs(hf.RobertaTokenizerFast)
    tokenizer.save_pretrained(folder)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    write(folder, "tokenizer_config.json", settings | {"pad_token": "<pad>", "unk_token": "<unk>"})
    return network.model, lambda text: tokenizer(text).input_ids


def piece_model() -> bytes:
    """A small sentencepiece model, trained on made-up words of all letters."""
    letters, model = random.Random(0), io.BytesIO()
    words = ["".join(letters.choices(LETTERS, k=4)) for _ in range(300)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*words, "oh no what a day", " ".join(LETTERS)] * 3),
        model_writer=model, vocab_size=50, minloglevel=2,
        pad_id=0, bos_id=1, eos_id=2, unk_id=3,
        pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]",
    )  # fmt: skip
    return model.getvalue()


def deberta_v3(folder: Path) -> TextNetwork:
    """spm.model and no tokenizer.json; a generator's weights next to the .bin."""
    config = hf.DebertaV2Config(**{**WORDS, **DEBERTA})
    network = drawn(lambda: hf.DebertaV2ForMaskedLM(config))
    write_network(folder, network, extra=positions("deberta.", 66), old=True)
    (folder / "pytorch_model.generator.bin").write_bytes(b"weights of another network")
    pieces = piece_model()
    (folder / "spm.model").write_bytes(pieces)
    write(folder, "tokenizer_config.json", {"do_lower_case": False, "vocab_type": "spm"})
    processor = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    return network.deberta, lambda text: [1, *processor.encode(text), 2]


TEXTS: dict[str, Callable[[Path], TextNetwork]] = {
    "bert-base-uncased": bert,
    "all-MiniLM-L6-v2": minilm,
    "distilbert-base-uncased": distilbert,
    "roberta-base-go_emotions": roberta,
    "ModernBERT-base": modernbert,
    "deberta-v3-base": deberta_v3,
}
