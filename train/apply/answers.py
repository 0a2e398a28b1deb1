"""One answer for each utterance, from the predictions of every fold and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.manifest import Label
from train.apply.trained import TrainedHeads
from train.data.order import in_order
from train.scoring.class_measure import ClassMeasure
from train.scoring.conformal import class_sets, threshold
from train.scoring.ensemble import averaged, fold_ensemble
from train.scoring.measure import Measure, Numbers
from train.scoring.pair_measure import PairMeasure
from train.scoring.predictions import Predictions
from train.scoring.vote_measure import VoteMeasure

Answer = dict[str, Any]


@dataclass(frozen=True)
class Answering:
    """How the predictions of some heads become answers.

    `calibration` holds temperatures and scores of the dev set for each measure with classes. With
    a `coverage`, the answers have the set of classes that holds the true one that often.
    """

    heads: TrainedHeads
    calibration: Mapping[str, Any]
    coverage: float | None = None

    def together(self, labels: Sequence[Label], predictions: Sequence[Predictions]) -> list[Answer]:
        """By task: the ensemble of each fold's seeds, and the mean of these over the folds."""
        answers: list[Answer] = [{} for _ in labels]
        for measure in self.heads.measures:
            merged = self._merged(measure, np.stack([one[measure.name] for one in predictions]))
            self._enter(answers, measure, merged, labels)
            if self.coverage is not None and isinstance(measure, ClassMeasure):
                self._enter_sets(answers, measure, merged, self.coverage)
        return answers

    def single(self, labels: Sequence[Label], prediction: Predictions) -> list[Answer]:
        """The answers of one head, as the run's own predictions have them: not calibrated."""
        answers: list[Answer] = [{} for _ in labels]
        for measure in self.heads.measures:
            self._enter(answers, measure, prediction[measure.name], labels)
        return answers

    def _merged(self, measure: Measure, each: Numbers) -> Numbers:
        """The ensemble of every fold, and the mean of these."""
        folds = list(dict.fromkeys(self.heads.folds))
        rows = {
            fold: [n for n, name in enumerate(self.heads.folds) if name == fold] for fold in folds
        }
        merged = [
            fold_ensemble(measure, each[rows[fold]], self.calibration, fold) for fold in folds
        ]
        return averaged(measure, np.stack(merged))

    def _enter(
        self, answers: list[Answer], measure: Measure, values: Numbers, labels: Sequence[Label]
    ) -> None:
        if isinstance(measure, VoteMeasure):
            return  # they are the probabilities of the class
        if isinstance(measure, PairMeasure):
            for answer, pairs in zip(answers, causes_of(measure, values, labels), strict=True):
                answer[measure.task] = pairs
            return
        for answer, value in zip(answers, values, strict=True):
            if isinstance(measure, ClassMeasure):
                shares = {name: float(p) for name, p in zip(measure.classes, value, strict=True)}
                label = measure.classes[int(value.argmax())]
                answer[measure.task] = {"label": label, "probabilities": shares}
            else:
                answer.setdefault(measure.task, {})[measure.name] = float(value)

    def _enter_sets(
        self, answers: list[Answer], measure: ClassMeasure, values: Numbers, coverage: float
    ) -> None:
        dev = self.calibration[measure.name]
        limit = threshold(dev["scores"], dev["groups"], coverage)
        for answer, row, value in zip(answers, class_sets(values, limit), values, strict=True):
            by_probability = [n for n in np.argsort(-value, kind="stable") if row[n]]
            answer[measure.task]["set"] = [measure.classes[n] for n in by_probability]


def causes_of(measure: PairMeasure, values: Numbers, labels: Sequence[Label]) -> list[Answer]:
    """The emotion of each utterance that has causes, and the ids of these."""
    causes: list[Answer] = [{} for _ in labels]
    for places in in_order(labels):
        for turn, place in enumerate(places):
            said = measure.as_json(values[place])
            turns = [turn - before for before in said["causes"]]
            ids = [labels[places[t]].id for t in turns if 0 <= t < len(places)]
            causes[place] = {"label": said["predicted"] if ids else None, "causes": ids}
    return causes
