"""Each speaker has a state that moves when that speaker speaks: DialogueRNN (Majumder et al. 2019).

A global GRU reads each utterance and the state of its speaker; a speaker's state reads the
utterance and an attention over the dialogue so far; a third GRU turns states into emotions. The
states of listeners stay as they are.
"""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_softmax, zero_padding
from train.model.dropout import Dropout


class Dialogue(nn.Module):
    """`(N, U, D)` to `(N, U, D)`, both directions (or the past alone) added to the utterances.

    `attend`: the final states are attended to over all turns, by similarity, as in the published
    network (not with `causal`).
    """

    def __init__(
        self, dim: int, dropout: float, *, causal: bool = False, attend: bool = False
    ) -> None:
        super().__init__()
        if causal and attend:
            raise ValueError("dialogue.attend looks at later turns, which dialogue.causal forbids")
        self.forwards = _Reader(dim, dropout)
        self.backwards = None if causal else _Reader(dim, dropout)
        width = dim if causal else 2 * dim
        self.likeness = nn.Linear(width, width, bias=False) if attend else None
        self.project = nn.Sequential(nn.Linear(width, dim), Dropout(dropout))

    def forward(self, turns: Padded, speakers: Tensor) -> Padded:
        """The turns of each dialogue in the context of the others."""
        clean = zero_padding(turns)
        # Speakers are numbered by their first turn, so there is a state for each.
        party = (speakers[:, :, None] == speakers[:, None, :]).int().argmax(dim=2)
        directions = [self.forwards(clean.values, party)]
        if self.backwards is not None:
            order = _reversed(clean.mask)
            rows = torch.arange(len(order), device=order.device)[:, None]
            back = self.backwards(clean.values[rows, order], party[rows, order])
            directions.append(back[rows, order])
        states = torch.cat(directions, dim=2)
        if self.likeness is not None:
            scores = torch.einsum("nqd,nkd->nkq", self.likeness(states), states)
            states = torch.einsum("nkq,nkd->nqd", masked_softmax(scores, clean.mask), states)
        return zero_padding(Padded(clean.values + self.project(states), clean.mask))


class _Reader(nn.Module):
    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.everything = nn.GRUCell(2 * dim, dim)
        self.party = nn.GRUCell(2 * dim, dim)
        self.emotion = nn.GRUCell(dim, dim)
        self.attention = nn.Linear(dim, dim, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, turns: Tensor, party: Tensor) -> Tensor:
        """`turns (N, U, D)` in the order of reading, `party (N, U)` a number below U for each."""
        num_dialogues, num_turns, dim = turns.shape
        rows = torch.arange(num_dialogues, device=turns.device)
        states = turns.new_zeros(num_dialogues, num_turns, dim)
        emotion = whole = turns.new_zeros(num_dialogues, dim)
        past: list[Tensor] = []
        emotions: list[Tensor] = []
        for turn in range(num_turns):
            utterance, speaker = turns[:, turn], party[:, turn]
            own = states[rows, speaker]
            context = self._context(utterance, past)
            whole = self.everything(torch.cat([utterance, own], dim=1), whole)
            own = self.party(torch.cat([utterance, context], dim=1), own)
            past.append(whole)
            states = states.clone()
            states[rows, speaker] = own.to(states.dtype)
            emotion = self.emotion(self.dropout(own), emotion)
            emotions.append(emotion)
        return torch.stack(emotions, dim=1)

    def _context(self, utterance: Tensor, past: list[Tensor]) -> Tensor:
        """Attention over the dialogue so far; zeros before the first turn."""
        if not past:
            return torch.zeros_like(utterance)
        memory = torch.stack(past, dim=1)
        weights = torch.einsum("nd,nkd->nk", self.attention(utterance), memory).softmax(dim=1)
        return torch.einsum("nk,nkd->nd", weights, memory)


def _reversed(mask: Tensor) -> Tensor:
    """The places of real turns backwards, padding where it is, `(N, U)`; twice is the identity."""
    places = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - places, places)
