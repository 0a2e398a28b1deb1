"""Conformance of every dialogue encoder: files are found by themselves."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from features.leaves import leaf_names, leaf_parameters, load_leaf
from train.data.masking import Padded

DIM = 8
FOLDER = "train/dialogues"
# Settings other than the defaults under which a dialogue must conform as well.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "recurrent": [{"cell": "lstm", "layers": 2}],
    "transformer": [{"layers": 2, "reach": 1, "heads": 2}],
    "party-state": [{"attend": True}],
}
SPEAKERS = torch.tensor([[5, 6, 5, 7, 6], [9, 9, 8, 0, 0], [4, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 1])


def cases() -> list[tuple[str, dict[str, Any]]]:
    all_cases: list[tuple[str, dict[str, Any]]] = []
    for name in leaf_names(FOLDER):
        settings = {parameter.name for parameter in leaf_parameters(FOLDER, name, "Dialogue")}
        plain = [{}, *VARIANTS.get(name, [])]
        with_speakers = [
            {**options, "speakers": "same-other"} for options in plain if "speakers" in settings
        ]
        causal = [
            {**options, "causal": True}
            for options in [*plain, *with_speakers]
            if "causal" in settings and not options.get("attend")
        ]
        all_cases += [(name, options) for options in [*plain, *with_speakers, *causal]]
    return all_cases


@pytest.fixture(params=cases(), ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    name_and_options: tuple[str, dict[str, Any]] = request.param
    return name_and_options


def build(case: tuple[str, dict[str, Any]], seed: int = 0) -> nn.Module:
    """A dialogue encoder none of whose parameters is zero, as after training."""
    torch.manual_seed(seed)
    dialogue: nn.Module = load_leaf(FOLDER, case[0]).Dialogue(DIM, 0.0, **case[1])
    with torch.no_grad():
        for parameter in dialogue.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return dialogue.eval()


def three_dialogues() -> Padded:
    """Dialogues of five, three and one turn."""
    values = torch.randn(3, 5, DIM, generator=torch.Generator().manual_seed(1))
    return Padded(values, torch.arange(5) < LENGTHS[:, None])


def outputs(dialogue: nn.Module, turns: Padded, speakers: Tensor = SPEAKERS) -> Tensor:
    output: Padded = dialogue(turns, speakers)
    assert torch.equal(output.mask, turns.mask)
    return torch.where(turns.mask[..., None], output.values, 0.0)


def test_later_turns_never_change_the_outputs_of_a_causal_dialogue(case: Any) -> None:
    dialogue, turns = build(case), three_dialogues()
    causal = case[0] == "none" or case[1].get("causal", False)
    changes = []
    for first in range(1, 5):
        values, speakers = turns.values.clone(), SPEAKERS.clone()
        values[:, first:] = torch.randn(3, 5 - first, DIM) * 5
        speakers[:, first:] = speakers[:, first:].flip(1)
        changed = outputs(dialogue, Padded(values, turns.mask), speakers)
        changes.append((changed - outputs(dialogue, turns))[:, :first].abs().max().item())
    settings = {parameter.name for parameter in leaf_parameters(FOLDER, case[0], "Dialogue")}
    if causal or "causal" in settings:
        assert (max(changes) < 1e-5) == causal


def test_padding_of_dialogues_changes_nothing(case: Any) -> None:
    dialogue, turns = build(case), three_dialogues()
    clean = outputs(dialogue, turns)
    for garbage in (float("nan"), float("inf"), 1e6):
        dirty = Padded(turns.values.masked_fill(~turns.mask[..., None], garbage), turns.mask)
        assert torch.equal(outputs(dialogue, dirty), clean)
    wide = Padded(
        nn.functional.pad(turns.values, (0, 0, 0, 3)), nn.functional.pad(turns.mask, (0, 3))
    )
    padded = outputs(dialogue, wide, nn.functional.pad(SPEAKERS, (0, 3)))
    assert torch.allclose(padded[:, :5], clean, atol=1e-5) and not padded[:, 5:].any()


def test_a_dialogue_does_not_depend_on_the_others_of_its_batch(case: Any) -> None:
    dialogue, turns = build(case), three_dialogues()
    together = outputs(dialogue, turns)
    for number, length in enumerate(LENGTHS.tolist()):
        alone = Padded(turns.values[number, None, :length], turns.mask[number, None, :length])
        output = outputs(dialogue, alone, SPEAKERS[number, None, :length])
        assert torch.allclose(output[0], together[number, :length], atol=1e-5)


def test_a_dialogue_of_one_utterance_works(case: Any) -> None:
    turns = Padded(torch.randn(2, 1, DIM), torch.ones(2, 1, dtype=torch.bool))
    assert bool(outputs(build(case), turns, torch.tensor([[3], [3]])).isfinite().all())


def test_only_which_turns_share_a_speaker_matters(case: Any) -> None:
    dialogue, turns = build(case), three_dialogues()
    renamed = outputs(dialogue, turns, (SPEAKERS * 7 + 1) % 101)
    assert torch.equal(renamed, outputs(dialogue, turns))
    uses_speakers = "speakers" in case[1] or case[0] == "party-state"
    all_different = outputs(dialogue, turns, torch.arange(15).reshape(3, 5))
    assert uses_speakers != torch.allclose(all_different, outputs(dialogue, turns), atol=1e-6)


def test_gradients_are_finite_and_reach_every_parameter(case: Any) -> None:
    dialogue, turns = build(case).train(), three_dialogues()
    values = turns.values.masked_fill(~turns.mask[..., None], torch.nan).requires_grad_()
    outputs(dialogue, Padded(values, turns.mask)).square().sum().backward()
    assert values.grad is not None and bool(values.grad.isfinite().all())
    for name, parameter in dialogue.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        # A softmax does not change with a constant that is added to all scores.
        assert name.endswith("keys.bias") or bool((parameter.grad != 0).any()), name


def test_the_same_seed_gives_the_same_numbers(case: Any) -> None:
    turns = three_dialogues()
    assert torch.equal(outputs(build(case, 5), turns), outputs(build(case, 5), turns))


@pytest.mark.slow
def test_the_class_of_the_turn_before_can_be_learned(case: Any) -> None:
    """The target of an utterance is the class of the turn before, which only context can give."""
    if case[0] == "none":
        pytest.skip("utterances have no context")
    torch.manual_seed(0)
    dialogue = build(case).train()
    classifier = nn.Linear(DIM, 2)
    classes = torch.randint(0, 2, (16, 6))
    turns = Padded(nn.functional.one_hot(classes, DIM).float(), torch.ones(16, 6, dtype=torch.bool))
    speakers = torch.arange(6).remainder(2).expand(16, 6)
    optimiser = torch.optim.Adam([*dialogue.parameters(), *classifier.parameters()], lr=0.01)
    for _ in range(300):
        logits = classifier(dialogue(turns, speakers).values)[:, 1:]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), classes[:, :-1].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1


def test_attention_over_all_turns_is_not_causal() -> None:
    with pytest.raises(ValueError, match="dialogue.attend looks at later turns"):
        build(("party-state", {"causal": True, "attend": True}))
