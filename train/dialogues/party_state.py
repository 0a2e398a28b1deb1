"""Each speaker has a state that moves when that speaker speaks: DialogueRNN (Majumder et al. 2019).

A global GRU reads what is said and the state of who says it; the state of a speaker reads what is
said and what attention finds in the dialogue so far; a third GRU turns the states into emotions.
The states of listeners stay as they are.
"""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_softmax, zero_padding


class Dialogue(nn.Module):
    """`(N, U, D)` to `(N, U, D)`, both directions (or the past alone) added to the utterances.

    `attend`: what each turn knows in the end is gathered over all turns, by likeness, as in the
    published network (not with `causal`).
    """

    def __init__(
        self, dim: int, dropout: float, *, causal: bool = False, attend: bool = False
    ) -> None:
        super().__init__()
        if causal and attend:
            raise ValueError("dialogue.attend gathers later turns, and dialogue.causal forbids it")
        self.forwards = _Reader(dim, dropout)
        self.backwards = None if causal else _Reader(dim, dropout)
        width = dim if causal else 2 * dim
        self.likeness = nn.Linear(width, width, bias=False) if attend else None
        self.project = nn.Sequential(nn.Linear(width, dim), nn.Dropout(dropout))

    def forward(self, turns: Padded, speakers: Tensor) -> Padded:
        """The turns of each dialogue, each with what it knows of the others."""
        clean = zero_padding(turns)
        # Speakers are numbered by their first turn, which leaves a place for everybody.
        party = (speakers[:, :, None] == speakers[:, None, :]).int().argmax(dim=2)
        read = [self.forwards(clean.values, party)]
        if self.backwards is not None:
            order = _reversed(clean.mask)
            rows = torch.arange(len(order), device=order.device)[:, None]
            back = self.backwards(clean.values[rows, order], party[rows, order])
            read.append(back[rows, order])
        found = torch.cat(read, dim=2)
        if self.likeness is not None:
            scores = torch.einsum("nqd,nkd->nkq", self.likeness(found), found)
            found = torch.einsum("nkq,nkd->nqd", masked_softmax(scores, clean.mask), found)
        return zero_padding(Padded(clean.values + self.project(found), clean.mask))


class _Reader(nn.Module):
    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.everything = nn.GRUCell(2 * dim, dim)
        self.party = nn.GRUCell(2 * dim, dim)
        self.emotion = nn.GRUCell(dim, dim)
        self.attention = nn.Linear(dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, turns: Tensor, party: Tensor) -> Tensor:
        """`turns (N, U, D)` in the order of reading, `party (N, U)` a number below U for each."""
        num_dialogues, num_turns, dim = turns.shape
        rows = torch.arange(num_dialogues, device=turns.device)
        states = turns.new_zeros(num_dialogues, num_turns, dim)
        emotion = whole = turns.new_zeros(num_dialogues, dim)
        past: list[Tensor] = []
        found: list[Tensor] = []
        for turn in range(num_turns):
            said, speaker = turns[:, turn], party[:, turn]
            own = states[rows, speaker]
            context = self._context(said, past)
            whole = self.everything(torch.cat([said, own], dim=1), whole)
            own = self.party(torch.cat([said, context], dim=1), own)
            past.append(whole)
            states = states.clone()
            states[rows, speaker] = own.to(states.dtype)
            emotion = self.emotion(self.dropout(own), emotion)
            found.append(emotion)
        return torch.stack(found, dim=1)

    def _context(self, said: Tensor, past: list[Tensor]) -> Tensor:
        """What attention finds in the dialogue so far; zeros before the first turn."""
        if not past:
            return torch.zeros_like(said)
        known = torch.stack(past, dim=1)
        weights = torch.einsum("nd,nkd->nk", self.attention(said), known).softmax(dim=1)
        return torch.einsum("nk,nkd->nd", weights, known)


def _reversed(mask: Tensor) -> Tensor:
    """The places of real turns backwards, padding where it is, `(N, U)`; twice is the identity."""
    places = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - places, places)
