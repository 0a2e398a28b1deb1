"""Text encoders of the Hugging Face library: BERT, RoBERTa, MiniLM and their relatives.

A step is one token; special tokens are dropped. `layers` counts from 0 (the embeddings) to the
number of layers of the network.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizerFast

from extract.backbone import Example, freeze, seeded
from extract.checkpoints import checkpoint_folder, digest_checkpoint, load_pretrained
from extract.media.errors import UnreadableError
from features.errors import ProjectError

# The library's bars for loading a file of some megabytes are noise among ours.
transformers.utils.logging.disable_progress_bar()

MODALITY = "text"
VERSION = 1
RANGES = {"layers": (0, None)}


class HfText:
    """A text encoder and its tokenizer."""

    modality = MODALITY
    version = VERSION
    rate_hz = None
    first_step_s = None
    nominal_steps = 16
    budget = 2048

    def __init__(self, folder: Path, layers: Sequence[int] | None, device: torch.device) -> None:
        self.reading: dict[str, Any] = {}
        self.weights_digest = digest_checkpoint(folder)
        network = load_pretrained(AutoModel, folder)
        self.tokenizer = load_tokenizer(folder)
        self.network = freeze(network, device)
        self.device = device
        self.dim = int(network.config.hidden_size)
        self.layers = chosen_layers(layers, network.config.num_hidden_layers, str(folder))
        self.max_tokens = min(self.tokenizer.model_max_length, num_positions(network))

    def prepare(self, media: str) -> Example:
        encoding = self.tokenizer(
            media, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
        )
        ids = torch.tensor([encoding["input_ids"], encoding["special_tokens_mask"]])
        if ids.shape[1] > self.max_tokens:
            detail = f"it has {ids.shape[1]} tokens, and the network reads {self.max_tokens}"
            raise UnreadableError("too-long", detail)
        kept = zip(encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True)
        return Example(ids, tuple((start, end) for (start, end), special in kept if not special))

    def cost(self, example: Example) -> int:
        return example.values.shape[1] if example.spans else 0

    def encode(self, examples: Sequence[Example]) -> list[Tensor]:
        lengths = torch.tensor([example.values.shape[1] for example in examples])
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        ids = torch.full(mask.shape, self.tokenizer.pad_token_id or 0)
        ids[mask] = torch.cat([example.values[0] for example in examples])
        states = self.network(
            input_ids=ids.to(self.device),
            attention_mask=mask.long().to(self.device),
            output_hidden_states=True,
        ).hidden_states
        kept = torch.stack([states[layer] for layer in self.layers], dim=1).float().cpu()
        return [
            track[:, : example.values.shape[1]][:, example.values[1] == 0].contiguous()
            for track, example in zip(kept, examples, strict=True)
        ]


def load_tokenizer(folder: Path) -> Any:
    """The checkpoint's tokenizer, one that tells the character span of each token."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ProjectError(f"the tokenizer in {folder} cannot be loaded: {reason}") from None
    if not tokenizer.is_fast:
        raise ProjectError(
            f"the tokenizer in {folder} does not tell character spans; save a fast one there "
            "(tokenizer.json)"
        )
    return tokenizer


def num_positions(network: Any) -> int:
    """How many tokens the network has positions for; RoBERTa counts from its padding index on."""
    stated = getattr(network.config, "max_position_embeddings", None) or sys.maxsize
    positions = getattr(getattr(network, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return int(stated) if padding is None else int(stated) - padding - 1


def chosen_layers(layers: Sequence[int] | None, num_layers: int, what: str) -> tuple[int, ...]:
    """The layers to keep: those named, or the last one; ProjectError where one does not exist."""
    chosen = tuple(layers) if layers is not None else (num_layers,)
    if (
        not chosen
        or len(set(chosen)) < len(chosen)
        or not all(0 <= n <= num_layers for n in chosen)
    ):
        raise ProjectError(
            f"layers {list(chosen)} of {what}: the network has the layers 0 (embeddings) to "
            f"{num_layers}; name some of them, each once"
        )
    return chosen


def load(
    device: torch.device,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
) -> HfText:
    """Load a text encoder from a folder, a Python package or a pinned hub repository."""
    return HfText(checkpoint_folder(checkpoint, revision), layers, device)


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
        seeded(0, lambda: BertModel(config)).save_pretrained(name)  # type: ignore[operator]
        return HfText(Path(name), [0, 1, 2], torch.device("cpu"))
