"""What the report remarks on a head: against probes, against its seeds, standardised by speaker."""

from typing import Any

from app.results.remarks import against_probes, against_seeds, by_speaker
from app.results.runs import Run
from features.specs.heads import AnyHead
from tests.head_world import head_spec
from tests.test_probe import probe_spec

FIGURE = {"mean": 0.5, "std": 0.0, "low": 0.4, "high": 0.6, "seeds": [0.5]}


def run_of(spec: AnyHead, on_dev: float, **evaluation: Any) -> Run:
    metrics = {"dev": {"emotion": {"macro_f1": {**FIGURE, "mean": on_dev}}}}
    measures = {"emotion": {"task": "emotion", "kind": "classes", "classes": ["anger", "joy"]}}
    folds = {"official": {"standardised": evaluation.pop("standardised", {})}}
    record = {"measures": measures, "folds": folds}
    return Run(spec, metrics, evaluation, record, [], [], b"")


def linear(on_dev: float, **changes: Any) -> Run:
    spec = head_spec()
    shared = {"corpus": spec.corpus, "inputs": spec.inputs, "protocol": spec.protocol, **changes}
    probe = probe_spec([1.0])
    return run_of(type(probe)(**{**vars(probe), "name": "linear", **shared}), on_dev)


def test_a_network_that_is_not_better_than_a_probe_on_dev_is_told_so() -> None:
    head = run_of(head_spec(), 0.61)
    (line,) = against_probes(head, [head, linear(0.58), linear(0.615)])
    assert line == (
        "Not better than the probe linear on the dev set: emotion, macro f1 61.0 against 61.5."
    )
    assert against_probes(head, [head, linear(0.6)]) == []
    # An equal one is not better.
    assert against_probes(head, [head, linear(0.61)]) != []


def test_probes_with_another_corpus_or_more_inputs_are_not_compared() -> None:
    head = run_of(head_spec(), 0.5)
    more = {**head_spec().inputs, "audio": "log-mel"}
    others = [linear(0.9, corpus="another"), linear(0.9, inputs=more)]
    assert against_probes(head, [head, *others]) == []
    assert against_probes(others[0], [head, *others]) == []


def test_what_seeds_gain_together_is_said_with_its_interval() -> None:
    difference = {"value": 0.012, "low": 0.004, "high": 0.021, "p": 0.003}
    head = run_of(head_spec(), 0.5, against_seeds={"emotion": {"macro_f1": difference}})
    (line,) = against_seeds(head)
    assert "ensemble of the 2 seeds differs from their mean by +1.2 in macro f1" in line
    assert "95 % CI +0.4 to +2.1, p 0.003" in line


def test_standardising_by_speaker_is_said_to_see_all_test_utterances() -> None:
    counts = {"audio": {"speakers": 4, "by_speaker": 237, "by_corpus": 3}}
    (line,) = by_speaker(run_of(head_spec(), 0.5, standardised=counts))
    assert "uses all test utterances of a test speaker at once" in line
    assert "237 tracks of 4 speakers" in line and "3 tracks, of unknown speakers" in line
    assert by_speaker(run_of(head_spec(), 0.5)) == []
