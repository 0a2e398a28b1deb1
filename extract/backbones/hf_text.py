"""Text encoders of the Hugging Face library: BERT, RoBERTa, DeBERTa-v3, MiniLM and relatives.

A step is one token; special tokens are dropped unless `special_tokens` is set. `layers` counts
from 0 (the embeddings) to the number of layers of the network. With `context_turns: k` the network
also reads up to k earlier turns of the dialogue, as the first sequence of a pair; only the
utterance's own tokens are kept, and with `keep_context` all. A text beyond the network's limit is
cut into windows that overlap by a quarter of it, never truncated, unless `first_window` asks for
its beginning only, as in systems that truncate texts at 512 tokens.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
)

from extract.backbones._layers import chosen_layers
from extract.backbones._text_input import TextInput
from extract.network.backbone import Reading, Window, freeze, seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained
from extract.network.compute import CPU, Compute
from extract.network.upper import UpperLayers, upper_layers
from extract.network.vocabulary_files import require_fitting, require_vocabulary
from features.errors import ProjectError
from features.extras import require_extra

MODALITY = "text"
VERSION = 1
RANGES = {"layers": (0, None), "context_turns": (0, 1000)}
# Tokens of a batch.
BUDGET = {"cpu": 512, "cuda": 8192}
# Those that the tests show to be exact in batches.
ARCHITECTURES = (
    *("bert", "roberta", "xlm-roberta", "distilbert", "deberta-v2", "modernbert"),
    *("electra", "mpnet"),
)


class HfText:
    """A text encoder and its tokenizer."""

    modality = MODALITY
    version = VERSION
    rate_hz = None
    first_step_s = None
    nominal_steps = 16

    def __init__(
        self,
        folder: Path,
        compute: Compute,
        *,
        layers: Sequence[int] | None = None,
        special_tokens: bool = False,
        context_turns: int = 0,
        keep_context: bool = False,
        first_window: bool = False,
    ) -> None:
        self.reading = Reading((MODALITY,), context_turns)
        self.weights_digest = digest_checkpoint(folder)
        network = load_pretrained(AutoModel, folder, compute, ARCHITECTURES)
        tokenizer = load_tokenizer(folder)
        self.typed = (getattr(network.config, "type_vocab_size", None) or 0) > 1
        self.padding = int(tokenizer.pad_token_id or 0)
        self.network = freeze(network, compute)
        self.compute = compute
        # The last of the columns marks the tokens of earlier turns.
        self.marks = keep_context
        self.dim = int(network.config.hidden_size) + keep_context
        self.layers = chosen_layers(layers, network.config.num_hidden_layers)
        limit = min(tokenizer.model_max_length, num_positions(network))
        self.prepare = TextInput(tokenizer, limit, special_tokens, keep_context, first_window)
        self.budget = compute.pick(**BUDGET)

    def upper(self, first: int) -> UpperLayers:
        """The layers after the states `first`; see `upper_layers`."""
        return upper_layers(self.network, first, self.prepare.max_tokens)

    def cost(self, window: Window) -> int:
        return int(window.values.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        lengths = np.array([window.values.shape[1] for window in windows])
        is_real = np.arange(lengths.max())[None] < lengths[:, None]
        inputs = np.zeros((4, *is_real.shape), np.int64)
        inputs[0] = self.padding
        inputs[:3, is_real] = np.concatenate([window.values for window in windows], axis=1)
        inputs[3] = is_real
        ids, types, marks, mask = self.compute.put(inputs)
        output = self.network(
            input_ids=ids,
            attention_mask=mask,
            output_hidden_states=True,
            **({"token_type_ids": types} if self.typed else {}),
        )
        # The last is taken after a final norm, where the network (ModernBERT) has one.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        stacked = torch.stack([states[layer].float() for layer in self.layers], dim=1)
        if self.marks:
            column = marks[:, None, :, None].expand(-1, len(self.layers), -1, -1)
            stacked = torch.cat([stacked, column.float()], dim=3)
        return [track[:, :length] for track, length in zip(stacked, lengths, strict=True)]


def load_tokenizer(folder: Path) -> Any:
    """The checkpoint's tokenizer, which must give the character span of each token."""
    require_vocabulary(folder)
    if not (folder / "tokenizer.json").exists() and any(folder.glob("*.model")):
        for module, package in (
            ("sentencepiece", "sentencepiece"),
            ("google.protobuf", "protobuf"),
        ):
            require_extra(f"the vocabulary of {folder}", module, package)
    tokenizer = load_part(AutoTokenizer, folder)
    if not tokenizer.is_fast:
        raise ProjectError(
            f"the tokenizer in {folder} does not give character spans; save a fast tokenizer "
            "there (tokenizer.json)"
        )
    embeddings = load_part(AutoConfig, folder).get_text_config().vocab_size
    require_fitting(tokenizer, int(embeddings), folder)
    # Windows of a long text are in its order only when it is cut from this side.
    tokenizer.truncation_side = "right"
    return tokenizer


def num_positions(network: Any) -> int:
    """How many tokens the network has positions for; RoBERTa counts from its padding index on."""
    stated = getattr(network.config, "max_position_embeddings", None) or sys.maxsize
    positions = getattr(getattr(network, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return int(stated) if padding is None else int(stated) - padding - 1


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    special_tokens: bool = False,
    context_turns: int = 0,
    keep_context: bool = False,
    first_window: bool = False,
) -> HfText:
    """Load a text encoder from a folder, a Python package or a pinned hub repository."""
    return HfText(
        checkpoint_folder(checkpoint, revision),
        compute,
        layers=layers,
        special_tokens=special_tokens,
        context_turns=context_turns,
        keep_context=keep_context,
        first_window=first_window,
    )


def tiny() -> HfText:
    """A two-layer BERT of width 16 with random weights, read back from a saved checkpoint."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    with tempfile.TemporaryDirectory() as name:
        vocabulary = {word: number for number, word in enumerate(words)}
        BertTokenizerFast(vocab=vocabulary, model_max_length=64).save_pretrained(name)
        seeded(0, lambda: BertModel(config)).save_pretrained(name)
        return HfText(Path(name), CPU, layers=[0, 1, 2])
