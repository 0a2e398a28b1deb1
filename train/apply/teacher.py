"""A trained head that another one learns from."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.manifest import Label
from features.runs.sealed import Sealed
from features.specs.heads import DISTIL, HeadSpec
from features.store.reader import Store
from train.apply.fold_heads import restored_fold
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS


class Teacher:
    """The run that the head `spec` learns from, and the `stores` that this run reads.

    `labels` are those of the whole corpus. Both have the same protocol, so the same folds.
    """

    def __init__(
        self,
        spec: HeadSpec,
        run: Sealed,
        labels: Sequence[Label],
        stores: Mapping[str, Store],
        networks: Networks = NO_NETWORKS,
    ) -> None:
        self.spec, self.run, self.seal = spec, run, run.seal
        self.labels, self.stores, self.networks = labels, stores, networks
        self.task: str = spec.objectives[DISTIL].options["task"]
        self.folds = list(run.record["facts"])
        self._said = lru_cache(maxsize=1)(self._said_of_fold)

    def targets(self, fold: int, facts: Mapping[str, Any], train: Sequence[Label]) -> Tensor:
        """What the teacher's heads of a fold (from 0) say of utterances `(N, C)`: the mean over its
        seeds. `facts` are those of the head that learns; ProjectError where it has other classes.
        """
        classes = facts[self.task]["classes"]
        own = self.run.record["facts"][self.folds[fold]].get(self.task, {}).get("classes")
        if own != classes:
            raise ProjectError(
                f"{self.spec.where}.objectives.{DISTIL}: {self.spec.teacher!r} predicts the "
                f"classes {own} of {self.task}, but this head {classes}; both must have the same"
            )
        said = self._said(fold, frozenset(label.id for label in train))
        return torch.tensor(np.stack([said[label.id] for label in train]), dtype=torch.float32)

    def _said_of_fold(self, fold: int, names: frozenset[str]) -> dict[str, Any]:
        """By utterance, in the order of the corpus, as the tracks and dialogues need it."""
        heads = restored_fold(self.run.record, self.run.contents, self.folds[fold], self.networks)
        own = [label for label in self.labels if label.id in names]
        dataset = heads.dataset(self.stores, own)
        means = heads.predict(dataset)[self.task].mean(axis=0)
        return dict(zip(dataset.ids, means, strict=True))
