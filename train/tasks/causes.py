"""Causes: which utterances of a dialogue cause the emotion of which, and which emotion that is.

A scorer looks at every pair of an utterance and one that may be its cause, and knows how many turns
are between them, as the pair extractors after Xia and Ding (2019) do.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import weighted_mean
from train.scoring.measure import UNKNOWN
from train.scoring.metrics import scores
from train.scoring.pair_measure import PairMeasure

KIND = "pairs"
RANGES = {"hidden": (1, None), "label_smoothing": (0, 1), "weight": (0, None)}
# How many turns before and after an utterance its causes are looked for. In ECF's training part no
# cause is further off; where nobody is, a scorer learns as much.
EARLIER, LATER = 14, 10
# What a pair's probability is held against; the best on dev is kept.
THRESHOLDS = [step / 40 for step in range(1, 33)]


def facts(train: Sequence[Label]) -> dict[str, Any]:
    """Emotions that have causes, and how many utterances have such causes."""
    caused = Counter(label.emotion for label in train if label.causes and label.emotion)
    classes = sorted(caused)
    return {"classes": classes, "counts": [caused[name] for name in classes]}


def measures(task_facts: dict[str, Any]) -> list[PairMeasure]:
    """What it predicts."""
    return [PairMeasure(tuple(task_facts["classes"]), EARLIER, LATER)]


class Task(nn.Module):
    """The emotion of each utterance out of those that have causes (or none), and its causes.

    The causes are learned from utterances with such an emotion alone. A pair is predicted where the
    probability of the emotion times that of the cause is above a threshold, which dev chooses after
    every epoch. Causes are looked for up to EARLIER turns before and LATER turns after; in a causal
    dialogue among earlier turns alone. `distance`: the scorer knows how many turns are between;
    `speakers`: whether one person says both.
    """

    def __init__(
        self,
        in_dim: int,
        task_facts: dict[str, Any],
        *,
        hidden: int = 128,
        distance: bool = True,
        speakers: Literal["none", "same-other"] = "none",
        label_smoothing: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        (self.measure,) = measures(task_facts)
        self.weight, self.label_smoothing = weight, label_smoothing
        self.emotion = nn.Linear(in_dim, len(self.measure.classes) + 1)
        self.effect, self.cause = nn.Linear(in_dim, hidden), nn.Linear(in_dim, hidden)
        self.distance = nn.Embedding(self.measure.width, hidden) if distance else None
        self.same = nn.Embedding(2, hidden) if speakers == "same-other" else None
        self.score = nn.Sequential(nn.GELU(), nn.Linear(hidden, 1))
        self.register_buffer("threshold", torch.tensor(0.5))

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """The truth of the measure `(N, W + 2)`; its first number is C for no such emotion.

        UNKNOWN there where causes are not labelled.
        """
        truth = torch.from_numpy(self.measure.truth(labels)).float()
        none = truth[:, 0] == UNKNOWN
        truth[none, 0] = len(self.measure.classes)
        # An emotion without annotated causes is one all the same.
        numbers = {name: number for number, name in enumerate(self.measure.classes)}
        named = torch.tensor([numbers.get(label.emotion or "", UNKNOWN) for label in labels])
        truth[:, 0] = torch.where(none & (named != UNKNOWN), named.float(), truth[:, 0])
        truth[truth[:, 0].isnan()] = UNKNOWN
        return truth

    def forward(self, encoded: Encoded) -> Tensor:
        """Logits of emotions `(B, C + 1)`, then of causes `(B, W)`, NaN where there is no turn."""
        turns = encoded.turns
        said = turns.arranged(encoded.fused)
        places = torch.arange(turns.mask.shape[1], device=said.values.device)
        apart = torch.arange(-self.measure.later, self.measure.earlier + 1, device=places.device)
        there = places[:, None] - apart
        inside = (there >= 0) & (there < len(places))
        if encoded.causal:
            inside &= apart >= 0
        there = there.clamp(0, len(places) - 1)
        pairs = self.effect(said.values)[:, :, None] + self.cause(said.values)[:, there]
        if self.distance is not None:
            pairs = pairs + self.distance.weight
        if self.same is not None:
            same = turns.speakers[:, :, None] == turns.speakers[:, there]
            pairs = pairs + self.same(same.long())
        logits = self.score(pairs)[..., 0]
        logits = logits.masked_fill(~(inside & turns.mask[:, there]), torch.nan)
        return torch.cat([self.emotion(encoded.fused), turns.flat(logits)], dim=1)

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """Cross-entropy of the emotion, and of each possible cause of those that have one.

        Means over utterances that are labelled (and have such an emotion); the cross-entropies of
        an utterance's causes are summed up.
        """
        emotions, causes = self._split(output)
        labelled = targets[:, 0] != UNKNOWN
        weights = labelled.to(output.dtype) if scale is None else labelled * scale
        each = nn.functional.cross_entropy(
            emotions,
            targets[:, 0].clamp_min(0).long(),
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        truth = targets[:, 1:-1].nan_to_num(0.0).clamp(0, 1)
        per_pair = nn.functional.binary_cross_entropy_with_logits(
            causes.nan_to_num(0.0), truth, reduction="none"
        )
        per_utterance = (per_pair * causes.isfinite()).sum(dim=1)
        moved = weights * (targets[:, 0] < len(self.measure.classes))
        return weighted_mean(each, weights) + weighted_mean(per_utterance, moved)

    def settle(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Choose the threshold by `pair_weighted_f1` on the labels of dev."""
        truth = self.measure.truth(labels)
        found = [
            scores(self.measure, truth, self._pairs(output, threshold).numpy())["pair_weighted_f1"]
            for threshold in THRESHOLDS
        ]
        best = max(range(len(found)), key=found.__getitem__)
        self.threshold.fill_(THRESHOLDS[best])  # type: ignore[operator]

    def predict(self, output: Tensor) -> dict[str, Tensor]:
        """Per utterance its emotion and causes as `PairMeasure` has them, `(N, W + 2)`."""
        return {self.measure.name: self._pairs(output, float(self.threshold))}  # type: ignore[arg-type]

    def _pairs(self, output: Tensor, threshold: float) -> Tensor:
        emotions, causes = self._split(output.double())
        likely, number = emotions.softmax(dim=1)[:, :-1].max(dim=1)
        pairs = (likely[:, None] * causes.sigmoid().nan_to_num(0.0) > threshold).double()
        number = torch.where(pairs.any(dim=1), number, UNKNOWN)
        return torch.cat([number[:, None], pairs, torch.zeros_like(pairs[:, :1])], dim=1)

    def _split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        count = len(self.measure.classes) + 1
        return output[:, :count], output[:, count:]
