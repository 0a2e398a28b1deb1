"""What tuning upper layers on cached states costs, beside running the whole network every time.

A network of BERT's kind with random weights, MiniLM's sizes by default: an epoch of the whole
network from its tokens, all of its layers trained, over an epoch of the same head on the upper half
of its layers, whose states below are cached. The head, the batches, the optimiser and the loss are
the same. Rounds take turns in one process; the first is dropped; figures are medians of ratios
within a round. Utterances are as long as MELD's training transcripts are in tokens.

    python benchmarks/upper.py [--json PATH] [--rounds 5] [--utterances 512] [--device cpu]

- `whole_over_upper`: the whole network trained over its upper half trained whole.
- `lora_over_upper`: the upper half by LoRA over the upper half trained whole.
- `whole_bytes`, `upper_bytes`: what the gradients and the optimiser's moments of each take, and
  the activations that a backward pass keeps of its largest batch (counted, not measured).
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.devices import chosen_device
from benchmarks.worlds.training import lengths_of
from benchmarks.worlds.turns import in_turns, ratio
from extract.network.upper import upper_layers
from features.kernels import exact_kernels
from train.data.batches import bucketed
from train.data.masking import Padded
from train.loop.optimiser import optimiser_of, parameter_groups
from train.pooling.first import Pooling
from train.temporal.upper_layers import Temporal

BATCH, CLASSES, DIM = 32, 7, 128
MINILM = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}


class Whole(nn.Module):
    """The network from its tokens, and the projection of the head."""

    def __init__(self, network: BertModel) -> None:
        super().__init__()
        self.network = network
        width = network.config.hidden_size
        self.project = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(width, DIM), nn.LayerNorm(DIM), nn.GELU()
        )

    def forward(self, track: Padded) -> Padded:
        ids = track.values[:, :, 0].long()
        output = self.network(input_ids=ids, attention_mask=track.mask.long())
        return Padded(self.project(output.last_hidden_state), track.mask)


class Epoch:
    """One way to train, over batches that are ready in memory."""

    def __init__(self, encoder: nn.Module, batches: list[tuple[Padded, Tensor]]) -> None:
        device = batches[0][1].device
        self.model = nn.ModuleList([encoder, Pooling(DIM), nn.Linear(DIM, CLASSES)]).to(device)
        groups = parameter_groups(self.model, 1e-4)
        self.optimiser = optimiser_of(_training(), groups)
        self.batches = batches

    def __call__(self) -> None:
        """An epoch: forward, backward, clipping and step."""
        self.model.train()
        encoder, pooling, output = self.model
        for track, targets in self.batches:
            self.optimiser.zero_grad()
            logits = output(pooling(encoder(track)))
            nn.functional.cross_entropy(logits, targets).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()

    def kept_bytes(self) -> int:
        """Gradients, two moments of AdamW, and the activations kept of the largest batch."""
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            if not isinstance(tensor, nn.Parameter):
                kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            return tensor

        encoder, pooling, output = self.model
        track, _ = max(self.batches, key=lambda batch: batch[0].mask.numel())
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            output(pooling(encoder(track)))
        return 3 * 4 * trained + sum(kept.values())


def _training() -> Any:
    from features.specs.training import TrainingSpec

    return TrainingSpec(seeds=[0], lr=1e-4)


def ways(utterances: int, device: torch.device) -> dict[str, Epoch]:
    """The whole network, its upper half, and its upper half by LoRA, on the same utterances."""
    torch.manual_seed(0)
    network = BertModel(BertConfig(**MINILM), add_pooling_layer=False).to(device)
    half = MINILM["num_hidden_layers"] // 2
    lengths = torch.as_tensor(lengths_of(utterances))
    rows_of_batches = bucketed(lengths, BATCH, torch.Generator().manual_seed(0), 8)
    tokens, states = [], []
    network.eval()
    for rows in rows_of_batches:
        mask = (torch.arange(int(lengths[rows].max())) < lengths[rows][:, None]).to(device)
        ids = torch.randint(1000, 30_000, mask.shape, device=device)
        targets = torch.randint(CLASSES, (len(rows),), device=device)
        with torch.no_grad():
            output = network(ids, attention_mask=mask.long(), output_hidden_states=True)
        tokens.append((Padded(ids[:, :, None].double(), mask), targets))
        states.append((Padded(output.hidden_states[half].clone(), mask), targets))
    upper = upper_layers(network, half, 512)
    return {
        "whole": Epoch(Whole(network), tokens),
        "upper": Epoch(Temporal(DIM, 0.1, upper, from_=half, lora="none"), states),
        "lora": Epoch(Temporal(DIM, 0.1, upper, from_=half, lora=8), states),
    }


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--utterances", default=512, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(json_path: Path | None, rounds: int, utterances: int, device: str) -> None:
    """Print the ratios."""
    torch.set_num_threads(2)
    place = chosen_device(device)
    exact_kernels(place)
    works = ways(utterances, place)
    figures: dict[str, float] = {
        f"{name}_bytes": float(works[name].kept_bytes()) for name in ("whole", "upper", "lora")
    }
    kept = in_turns(works, rounds, place)
    figures |= {
        "whole_over_upper": ratio(kept, "whole", "upper"),
        "lora_over_upper": ratio(kept, "lora", "upper"),
        **{f"{name}_s": statistics.median(values) for name, values in kept.items()},
    }
    for name, value in figures.items():
        print(f"{name:18} {value:14.3f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
