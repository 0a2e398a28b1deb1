"""Who speaks, as far as a head may know it: the same person as another turn, or somebody else."""

from torch import Tensor, nn

from train.data.masking import Padded

NOBODY, SAME, OTHER = range(3)


class SameOrOther(nn.Module):
    """Adds to every turn what was learned for: the first one, the same speaker as before, another.

    At first it adds nothing.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.learned = nn.Embedding(3, dim)
        nn.init.zeros_(self.learned.weight)

    def forward(self, turns: Padded, speakers: Tensor) -> Padded:
        """`turns (N, U, D)` and the number of each one's speaker `(N, U)`."""
        kinds = speakers.new_full(speakers.shape, NOBODY)
        kinds[:, 1:] = (speakers[:, 1:] != speakers[:, :-1]) + SAME
        return Padded(turns.values + self.learned(kinds), turns.mask)
