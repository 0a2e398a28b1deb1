"""Conformance of everything that lets utterances of a dialogue see each other."""

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
    found: list[tuple[str, dict[str, Any]]] = []
    for name in leaf_names(FOLDER):
        settings = {parameter.name for parameter in leaf_parameters(FOLDER, name, "Dialogue")}
        plain = [{}, *VARIANTS.get(name, [])]
        told = [{**one, "speakers": "same-other"} for one in plain if "speakers" in settings]
        past = [
            {**one, "causal": True}
            for one in [*plain, *told]
            if "causal" in settings and not one.get("attend")
        ]
        found += [(name, options) for options in [*plain, *told, *past]]
    return found


@pytest.fixture(params=cases(), ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    found: tuple[str, dict[str, Any]] = request.param
    return found


def build(case: tuple[str, dict[str, Any]], seed: int = 0) -> nn.Module:
    """A dialogue whose parameters are all away from zero, as training leaves them."""
    torch.manual_seed(seed)
    made: nn.Module = load_leaf(FOLDER, case[0]).Dialogue(DIM, 0.0, **case[1])
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made.eval()


def three() -> Padded:
    """Dialogues of five, three and one turn."""
    values = torch.randn(3, 5, DIM, generator=torch.Generator().manual_seed(1))
    return Padded(values, torch.arange(5) < LENGTHS[:, None])


def heard(made: nn.Module, turns: Padded, speakers: Tensor = SPEAKERS) -> Tensor:
    found: Padded = made(turns, speakers)
    assert torch.equal(found.mask, turns.mask)
    return torch.where(turns.mask[..., None], found.values, 0.0)


def test_no_utterance_of_a_causal_dialogue_knows_a_later_one(case: Any) -> None:
    made, turns = build(case), three()
    causal = case[0] == "none" or case[1].get("causal", False)
    moved = []
    for first in range(1, 5):
        values, speakers = turns.values.clone(), SPEAKERS.clone()
        values[:, first:] = torch.randn(3, 5 - first, DIM) * 5
        speakers[:, first:] = speakers[:, first:].flip(1)
        changed = heard(made, Padded(values, turns.mask), speakers)
        moved.append((changed - heard(made, turns))[:, :first].abs().max().item())
    assert (max(moved) < 1e-5) == causal


def test_padding_of_dialogues_changes_nothing(case: Any) -> None:
    made, turns = build(case), three()
    clean = heard(made, turns)
    for garbage in (float("nan"), float("inf"), 1e6):
        dirty = Padded(turns.values.masked_fill(~turns.mask[..., None], garbage), turns.mask)
        assert torch.equal(heard(made, dirty), clean)
    wide = Padded(
        nn.functional.pad(turns.values, (0, 0, 0, 3)), nn.functional.pad(turns.mask, (0, 3))
    )
    more = heard(made, wide, nn.functional.pad(SPEAKERS, (0, 3)))
    assert torch.allclose(more[:, :5], clean, atol=1e-5) and not more[:, 5:].any()


def test_a_dialogue_does_not_know_the_others_of_its_batch(case: Any) -> None:
    made, turns = build(case), three()
    together = heard(made, turns)
    for number, length in enumerate(LENGTHS.tolist()):
        alone = Padded(turns.values[number, None, :length], turns.mask[number, None, :length])
        found = heard(made, alone, SPEAKERS[number, None, :length])
        assert torch.allclose(found[0], together[number, :length], atol=1e-5)


def test_a_dialogue_of_one_utterance_works(case: Any) -> None:
    one = Padded(torch.randn(2, 1, DIM), torch.ones(2, 1, dtype=torch.bool))
    assert bool(heard(build(case), one, torch.tensor([[3], [3]])).isfinite().all())


def test_speakers_have_no_names(case: Any) -> None:
    made, turns = build(case), three()
    renamed = heard(made, turns, (SPEAKERS * 7 + 1) % 101)
    assert torch.equal(renamed, heard(made, turns))
    told = "speakers" in case[1] or case[0] == "party-state"
    strangers = heard(made, turns, torch.arange(15).reshape(3, 5))
    assert told != torch.allclose(strangers, heard(made, turns), atol=1e-6)


def test_gradients_are_finite_and_reach_every_parameter(case: Any) -> None:
    made, turns = build(case).train(), three()
    values = turns.values.masked_fill(~turns.mask[..., None], torch.nan).requires_grad_()
    heard(made, Padded(values, turns.mask)).square().sum().backward()
    assert values.grad is not None and bool(values.grad.isfinite().all())
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        # A softmax does not see what is added to all of its scores.
        assert name.endswith("keys.bias") or bool((parameter.grad != 0).any()), name


def test_the_same_seed_gives_the_same_numbers(case: Any) -> None:
    assert torch.equal(heard(build(case, 5), three()), heard(build(case, 5), three()))


@pytest.mark.slow
def test_who_spoke_before_can_be_learned(case: Any) -> None:
    """The class of an utterance is that of the one before it: nothing else tells."""
    if case[0] == "none":
        pytest.skip("the utterances do not see each other")
    torch.manual_seed(0)
    made = build(case).train()
    answer = nn.Linear(DIM, 2)
    classes = torch.randint(0, 2, (16, 6))
    turns = Padded(nn.functional.one_hot(classes, DIM).float(), torch.ones(16, 6, dtype=torch.bool))
    speakers = torch.arange(6).remainder(2).expand(16, 6)
    optimiser = torch.optim.Adam([*made.parameters(), *answer.parameters()], lr=0.01)
    for _ in range(300):
        logits = answer(made(turns, speakers).values)[:, 1:]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), classes[:, :-1].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1


def test_attention_over_all_turns_is_not_causal() -> None:
    with pytest.raises(ValueError, match="dialogue.attend gathers later turns"):
        build(("party-state", {"causal": True, "attend": True}))
