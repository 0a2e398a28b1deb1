"""Settings of heads that read dialogues."""

from typing import Any

import pytest

from tests.test_params import complaint, raw  # noqa: F401


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"tasks": {"emotion": {}, "causes": {}}},
            "heads.main.tasks names 'causes', which needs whole dialogues; add dialogue: {code: ",
        ),
        (
            {"dialogue": {"code": "recurent"}},
            "heads.main.dialogue.code is 'recurent'; files in train/dialogues are",
        ),
        (
            {"dialogue": {"code": "transformer", "heads": 3}},
            "heads.main.dim is 64; it must be a multiple of dialogue.heads, 3",
        ),
        (
            {"dialogue": {"code": "transformer", "heads": 4}, "hidden": 30},
            "heads.main.hidden is 30; it must be a multiple of dialogue.heads, 4",
        ),
        (
            {"dialogue": {"code": "none"}, "training": {"seeds": [0], "mixup": 0.5}},
            "heads.main.training.mixup is 0.5, but a head that reads dialogues cannot mix",
        ),
        (
            {
                "tasks": {"causes": {}},
                "dialogue": {"code": "none"},
                "training": {
                    "seeds": [0],
                    "choose_by": "pair_f1",
                    "difficulty": "first-model",
                    "scale_loss": 1.0,
                },
            },
            "heads.main.training.difficulty is 'first-model', but pairs have no difficulty",
        ),
        (
            {"tasks": {"causes": {"label_smoothing": 5.0}}, "dialogue": {"code": "none"}},
            "heads.main.tasks.causes.label_smoothing is 5.0; it must be",
        ),
        (
            {"dialogue": {"code": "recurrent", "speakers": "names"}},
            "heads.main.dialogue.speakers is 'names'; it must be",
        ),
    ],
)
def test_invalid_settings_of_dialogues_are_named(
    raw: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    raw["heads"]["main"] |= change
    assert expected in complaint(raw)


def test_pairs_are_neither_probed_nor_transferred(raw: dict[str, Any]) -> None:
    main = raw["heads"]["main"]
    probe = {name: main[name] for name in ("corpus", "inputs")}
    raw["heads"]["plain"] = {**probe, "code": "probe", "tasks": {"causes": {}}}
    assert "heads.plain.tasks names 'causes', which a probe cannot learn" in complaint(raw)
    del raw["heads"]["plain"]
    main |= {"tasks": {"causes": {}}, "dialogue": {"code": "none"}}
    main["training"]["choose_by"] = "pair_f1"
    raw["corpora"]["other"] = {"code": "demo", "root": "data/synthetic/other"}
    raw["transfers"] = {"onward": {"head": "main", "corpus": "other", "inputs": main["inputs"]}}
    assert "transfers.onward.head is 'main', whose task 'causes' predicts pairs" in complaint(raw)
