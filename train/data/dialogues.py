"""The order of utterances in dialogues, and who says each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from features.manifest import Label
from train.data.masking import Padded, zero_padding
from train.data.order import in_order


class Turns(NamedTuple):
    """The dialogues of a batch, `(N, U)`.

    `rows` is the place in the batch of every turn, in the order of talk (0 in padding), `mask` True
    where there is one. Turns of a dialogue have the same number in `speakers` where the same person
    speaks; an unknown speaker equals no other. `flat_places` `(B,)` says where each
    utterance of the batch is among all `N * U` places; None: it is computed when needed.
    """

    rows: Tensor
    mask: Tensor
    speakers: Tensor
    flat_places: Tensor | None = None

    def arranged(self, vectors: Tensor) -> Padded:
        """Vectors of the batch `(B, D)` by dialogue, `(N, U, D)`, zeros in padding."""
        return zero_padding(Padded(vectors[self.rows], self.mask))

    def flat(self, values: Tensor) -> Tensor:
        """What is arranged by dialogue `(N, U, ...)` in the order of the batch, `(B, ...)`."""
        return values.flatten(0, 1)[self._places()]

    def to(self, device: torch.device) -> "Turns":
        """The same on a device, in one transfer of what is arranged by dialogue."""
        arranged = torch.stack([self.rows, self.mask.long(), self.speakers]).to(device)
        return Turns(arranged[0], arranged[1].bool(), arranged[2], self._places().to(device))

    def _places(self) -> Tensor:
        places = self.flat_places
        return _flat_places(self.rows, self.mask) if places is None else places


def _flat_places(rows: Tensor, mask: Tensor) -> Tensor:
    """Where each row of the batch is among all `N * U` places, `(B,)`."""
    return mask.flatten().nonzero()[:, 0][rows[mask].argsort()]


def single_utterances(num_utterances: int, device: torch.device | None = None) -> Turns:
    """Every utterance is a dialogue of its own."""
    rows = torch.arange(num_utterances, device=device)[:, None]
    return Turns(rows, torch.ones_like(rows, dtype=torch.bool), rows, rows[:, 0])


@dataclass(frozen=True)
class Places:
    """Where each of some utterances stands: numbers `(N,)` of its dialogue, turn and speaker.

    Turns are counted from 0 in every dialogue, without gaps.
    """

    dialogues: Tensor
    turns: Tensor
    speakers: Tensor

    @classmethod
    def of(cls, labels: Sequence[Label]) -> "Places":
        """By what the labels say; an utterance without a dialogue is alone."""
        dialogues, turns = torch.zeros(2, len(labels), dtype=torch.int64)
        for number, rows in enumerate(in_order(labels)):
            dialogues[rows] = number
            turns[rows] = torch.arange(len(rows))
        names = {name: n for n, name in enumerate(sorted({x.speaker for x in labels if x.speaker}))}
        own_numbers = range(len(names), len(names) + len(labels))
        speakers = [names.get(x.speaker or "", n) for x, n in zip(labels, own_numbers, strict=True)]
        return cls(dialogues, turns, torch.tensor(speakers))

    def of_rows(self, rows: Tensor) -> Turns:
        """The turns of a batch of some rows: those of each dialogue that are in it, in order."""
        # With numpy, ten times as fast for the few rows of a batch.
        dialogues = self.dialogues[rows].numpy()
        order = np.lexsort((self.turns[rows].numpy(), dialogues))
        is_first = np.diff(dialogues[order], prepend=-1) != 0
        number = is_first.cumsum() - 1
        turn = np.arange(len(order)) - np.flatnonzero(is_first)[number]
        places = np.zeros((number[-1] + 1, turn.max() + 1), np.int64)
        mask = np.zeros(places.shape, np.bool_)
        places[number, turn], mask[number, turn] = order, True
        flat = np.empty_like(order)
        flat[order] = number * places.shape[1] + turn
        arranged = torch.from_numpy(places)
        return Turns(
            arranged, torch.from_numpy(mask), self.speakers[rows][arranged], torch.from_numpy(flat)
        )

    def whole(self) -> list[Tensor]:
        """The rows of each dialogue, in the order of talk."""
        order = torch.argsort(self.dialogues * (int(self.turns.max()) + 1) + self.turns)
        counts = self.dialogues[order].unique_consecutive(return_counts=True)[1]
        return list(order.split(counts.tolist()))
