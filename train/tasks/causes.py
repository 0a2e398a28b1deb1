"""Causes: which utterances of a dialogue cause the emotion of which, and which emotion that is.

A scorer looks at every pair of an utterance and one that may be its cause, and at how many turns
are between them, as the pair extractors after Xia and Ding (2019) do.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import weighted_mean
from train.scoring.measure import UNKNOWN
from train.scoring.metrics import scores
from train.scoring.pair_measure import PairMeasure, recentred

KIND = "pairs"
RANGES = {"hidden": (1, None), "label_smoothing": (0, 1), "weight": (0, None)}
# How many turns before and after an utterance its causes are looked for. In ECF's training split
# no cause is further away, and a scorer learns as much from distances that do not occur.
EARLIER, LATER = 14, 10
# Thresholds of a pair's probability; the best on the dev set is kept.
THRESHOLDS = [step / 40 for step in range(1, 33)]
# Strengths of the offsets of rare emotions.
STRENGTHS = [step / 4 for step in range(7)]


class Task(nn.Module):
    """The emotion of each utterance out of those that have causes (or none), and its causes.

    The causes are learned only from utterances with such an emotion. A pair is predicted where the
    probability of the emotion times that of the cause is above a threshold, selected on the dev set
    after every epoch. Causes are looked for up to EARLIER turns before and LATER turns after; in a
    causal dialogue only among earlier turns. `distance`: the scorer sees how many turns are
    between; `speakers`: whether one person says both. `imbalance: logit-adjustment` predicts rare
    emotions more often: the logarithm of their share of all pairs, times a strength that is
    selected with the threshold, is subtracted from their logits; the probability that there is
    any emotion does not change.
    """

    threshold: Tensor
    offsets: Tensor

    def __init__(
        self,
        in_dim: int,
        facts: Mapping[str, Any],
        *,
        hidden: int = 128,
        distance: bool = True,
        speakers: Literal["none", "same-other"] = "none",
        label_smoothing: float = 0.0,
        weight: float = 1.0,
        imbalance: Literal["none", "logit-adjustment"] = "none",
    ) -> None:
        super().__init__()
        (self.measure,) = self.measures(facts)
        self.weight, self.label_smoothing = weight, label_smoothing
        self.emotion = nn.Linear(in_dim, len(self.measure.classes) + 1)
        self.effect, self.cause = nn.Linear(in_dim, hidden), nn.Linear(in_dim, hidden)
        self.distance = nn.Embedding(self.measure.width, hidden) if distance else None
        self.same = nn.Embedding(2, hidden) if speakers == "same-other" else None
        self.score = nn.Sequential(nn.GELU(), nn.Linear(hidden, 1))
        self.register_buffer("threshold", torch.tensor(0.5))
        counts = torch.tensor(facts["counts"], dtype=torch.float64)
        self.log_prior = (counts / counts.sum()).log()
        self.strengths = STRENGTHS if imbalance == "logit-adjustment" else [0.0]
        # Only where some are added, so that older runs are still read.
        self.register_buffer("offsets", self.log_prior * 0, persistent=len(self.strengths) > 1)

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """Emotions that have causes, and how many utterances have such causes."""
        caused = Counter(label.emotion for label in train if label.causes and label.emotion)
        classes = sorted(caused)
        return {"classes": classes, "counts": [caused[name] for name in classes]}

    @staticmethod
    def measures(facts: Mapping[str, Any]) -> list[PairMeasure]:
        """Pairs of an utterance and its cause."""
        return [PairMeasure(tuple(facts["classes"]), EARLIER, LATER)]

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """The truth of the measure `(N, W + 2)`; its first number is C for no such emotion.

        UNKNOWN there where causes are not labelled.
        """
        truth = torch.from_numpy(self.measure.truth(labels)).float()
        without_cause = truth[:, 0] == UNKNOWN
        truth[without_cause, 0] = len(self.measure.classes)
        # An emotion without annotated causes is one all the same.
        numbers = {name: number for number, name in enumerate(self.measure.classes)}
        emotions = torch.tensor([numbers.get(label.emotion or "", UNKNOWN) for label in labels])
        replaced = without_cause & (emotions != UNKNOWN)
        truth[:, 0] = torch.where(replaced, emotions.float(), truth[:, 0])
        truth[truth[:, 0].isnan()] = UNKNOWN
        return truth

    def forward(self, encoded: Encoded) -> Tensor:
        """Logits of emotions `(B, C + 1)`, then of causes `(B, W)`, NaN where there is no turn."""
        turns = encoded.turns
        utterances = turns.arranged(encoded.fused).values
        places = torch.arange(turns.mask.shape[1], device=utterances.device)
        distances = torch.arange(
            -self.measure.later, self.measure.earlier + 1, device=places.device
        )
        candidates = places[:, None] - distances
        inside = (candidates >= 0) & (candidates < len(places))
        if encoded.causal:
            inside &= distances >= 0
        candidates = candidates.clamp(0, len(places) - 1)
        pairs = self.effect(utterances)[:, :, None] + self.cause(utterances)[:, candidates]
        if self.distance is not None:
            pairs = pairs + self.distance.weight
        if self.same is not None:
            same = turns.speakers[:, :, None] == turns.speakers[:, candidates]
            pairs = pairs + self.same(same.long())
        logits = self.score(pairs)[..., 0]
        logits = logits.masked_fill(~(inside & turns.mask[:, candidates]), torch.nan)
        return torch.cat([self.emotion(encoded.fused), turns.flat(logits)], dim=1)

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """Cross-entropy of the emotion, and of each possible cause of those that have one.

        Means over utterances that are labelled (and have such an emotion); the cross-entropies of
        an utterance's causes are summed up.
        """
        emotions, causes = self._split(output)
        labelled = targets[:, 0] != UNKNOWN
        weights = labelled.to(output.dtype) if scale is None else labelled * scale
        per_emotion = nn.functional.cross_entropy(
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
        with_emotion = weights * (targets[:, 0] < len(self.measure.classes))
        return weighted_mean(per_emotion, weights) + weighted_mean(per_utterance, with_emotion)

    def select_on_dev(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Select the threshold (and offsets) by `pair_weighted_f1` on the dev set."""
        truth = self.measure.truth(labels)
        best = -1.0
        for strength in self.strengths:
            offsets = -strength * self.log_prior
            emotions, probabilities = self._probabilities(output, offsets)
            for threshold in THRESHOLDS:
                pairs = self._pairs(emotions, probabilities, threshold).numpy()
                figure = scores(self.measure, truth, pairs)["pair_weighted_f1"]
                if figure > best:
                    best = figure
                    self.threshold.fill_(threshold)
                    self.offsets.copy_(offsets)

    def predict(self, output: Tensor) -> dict[str, Tensor]:
        """Per utterance its emotion and causes as `PairMeasure` has them, `(N, W + 2)`."""
        emotions, probabilities = self._probabilities(output, self.offsets.cpu())
        return {self.measure.name: self._pairs(emotions, probabilities, float(self.threshold))}

    def _probabilities(self, output: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest emotion of each utterance `(N,)`, and the probabilities of its pairs."""
        logits, causes = self._split(output.detach().double())
        any_emotion = 1 - logits.softmax(dim=1)[:, -1:]
        shares, number = (logits[:, :-1] + offsets).softmax(dim=1).max(dim=1)
        likely = any_emotion * shares[:, None]
        return number, likely * causes.sigmoid().nan_to_num(0.0)

    @staticmethod
    def _pairs(emotions: Tensor, probabilities: Tensor, threshold: float) -> Tensor:
        pairs = torch.from_numpy(recentred(probabilities.numpy(), threshold))
        return torch.cat([emotions[:, None], pairs, torch.zeros_like(pairs[:, :1])], dim=1)

    def _split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        count = len(self.measure.classes) + 1
        return output[:, :count], output[:, count:]
