"""Random checkpoints of every architecture, saved in each library's own format.

Widths, kernels and heads are those of the published network (`tiny` ones are 16 wide); there are
two layers each.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import transformers as hf

from extract.network.backbone import Backbone, seeded
from extract.network.compute import CPU, Compute
from features.leaves import load_leaf

LETTERS = list(string.ascii_lowercase)
BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@dataclass(frozen=True)
class Architecture:
    """A way to save a random checkpoint, and the leaf that reads it."""

    leaf: str
    save: Callable[[Path], None]
    settings: dict[str, Any] = field(default_factory=dict)

    def load(self, folder: Path, compute: Compute = CPU, **settings: Any) -> Backbone:
        """Save a checkpoint into the folder and load it through the real code."""
        self.save(folder)
        leaf = load_leaf("extract/backbones", self.leaf)
        backbone: Backbone = leaf.load(
            compute, checkpoint=str(folder), **{**self.settings, **settings}
        )
        return backbone


def word_piece(kind: Any, specials: list[str] = BERT_SPECIALS) -> Any:
    words = [*specials, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return kind(vocab={word: number for number, word in enumerate(words)}, model_max_length=64)


def byte_pairs(kind: Any) -> Any:
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS, "Ġ", *("Ġ" + x for x in LETTERS)]
    merges = [("Ġ", letter) for letter in LETTERS]
    vocabulary = {word: number for number, word in enumerate(words)}
    return kind(vocab=vocabulary, merges=merges, model_max_length=64)


def pieces(kind: Any, specials: list[str]) -> Any:
    scored = [(word, 0.0) for word in specials] + [("▁", -3.0)]
    scored += [(letter, -2.0) for letter in LETTERS]
    scored += [("▁" + letter, -2.5) for letter in LETTERS]
    return kind(vocab=scored, model_max_length=64)


def text(
    config_kind: Any,
    network_kind: Any,
    tokenizer: Callable[[], Any],
    sizes: dict[str, Any],
    settings: dict[str, Any] | None = None,
) -> Architecture:
    def save(folder: Path) -> None:
        made = tokenizer()
        # RoBERTa and MPNet count positions from their padding index (1) on.
        config = config_kind(
            vocab_size=len(made), pad_token_id=made.pad_token_id, **sizes, **(settings or {})
        )
        made.save_pretrained(folder)
        seeded(0, lambda: network_kind(config)).save_pretrained(folder)

    return Architecture("hf-text", save, {"layers": [0, 1, 2]})


BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 66,
}
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
}
MINILM = {**BASE, "hidden_size": 384, "intermediate_size": 1536}
DISTIL = {"dim": 768, "n_layers": 2, "n_heads": 12, "hidden_dim": 3072}
DISTIL["max_position_embeddings"] = 64
DEBERTA = {
    "relative_attention": True,
    "position_buckets": 32,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "layer_norm_eps": 1e-7,
}
# Every third layer sees everything, the others 128 tokens; here 16, so that it matters.
MODERN = {
    "local_attention": 16,
    "global_attn_every_n_layers": 2,
    "cls_token_id": 0,
    "bos_token_id": 0,
    "sep_token_id": 2,
    "eos_token_id": 2,
}
XLM_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
DEBERTA_SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
MPNET_SPECIALS = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]


def texts(sizes: dict[str, Any]) -> dict[str, Architecture]:
    """The text networks with the sizes of BERT."""
    return {
        "bert": text(hf.BertConfig, hf.BertModel, lambda: word_piece(hf.BertTokenizerFast), sizes),
        "roberta": text(
            hf.RobertaConfig, hf.RobertaModel, lambda: byte_pairs(hf.RobertaTokenizerFast), sizes
        ),
        "xlm-roberta": text(
            hf.XLMRobertaConfig,
            hf.XLMRobertaModel,
            lambda: pieces(hf.XLMRobertaTokenizerFast, XLM_SPECIALS),
            sizes,
        ),
        "deberta-v3": text(
            hf.DebertaV2Config,
            hf.DebertaV2Model,
            lambda: pieces(hf.DebertaV2TokenizerFast, DEBERTA_SPECIALS),
            sizes,
            DEBERTA,
        ),
        "modernbert": text(
            hf.ModernBertConfig,
            hf.ModernBertModel,
            lambda: byte_pairs(hf.RobertaTokenizerFast),
            sizes,
            MODERN,
        ),
        "electra": text(
            hf.ElectraConfig,
            hf.ElectraModel,
            lambda: word_piece(hf.ElectraTokenizerFast),
            {**sizes, "embedding_size": sizes["hidden_size"]},
        ),
        "mpnet": text(
            hf.MPNetConfig,
            hf.MPNetModel,
            lambda: word_piece(hf.MPNetTokenizerFast, MPNET_SPECIALS),
            sizes,
        ),
    }


TRUE_TEXTS = {
    **texts(BASE),
    "minilm": texts(MINILM)["bert"],
    "distilbert": text(
        hf.DistilBertConfig,
        hf.DistilBertModel,
        lambda: word_piece(hf.DistilBertTokenizerFast),
        DISTIL,
    ),
}
