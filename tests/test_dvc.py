"""Which stages run again after which change: every row of the design, with DVC itself."""

import json
import re
import shutil
from pathlib import Path

import pytest
import soundfile

from features.params.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b")
TABLE = "data/raw/mine/utterances.csv"
EXTRACTS = {"extract@mine-minilm", "extract@mine-mel"}
MAIN = {"train@main", "continue@tuned", "distil@small"}
HEADS = {*MAIN, "train@audio"}


class Pipeline(Project):
    """A project in which `dvc repro` has run once; it remembers whether it was edited since."""

    edited = False

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file."""
        super().edit(file, old, new)
        self.edited = True

    def repro(self) -> tuple[set[str], str]:
        """Run `dvc repro`: the stages that ran, and everything that was printed."""
        done = self.run("dvc", "repro")
        assert done.returncode == 0, done.stdout + done.stderr
        self.edited = False
        return set(re.findall(r"Running stage '([^']+)'", done.stdout)), done.stdout


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, demo_root: Path) -> Pipeline:
    project = Pipeline(tmp_path_factory.mktemp("pipeline"))
    shutil.copy(ROOT / "tests" / "small_params.yaml", project.folder / "params.yaml")
    shutil.copytree(demo_root, project.folder / "data/raw/mine")
    assert project.run("git", "init", "--quiet").returncode == 0
    ran, _ = project.repro()
    assert ran == {"manifest@mine", *EXTRACTS, *HEADS, "report"}
    return project


@pytest.fixture
def settled(pipeline: Pipeline) -> Pipeline:
    """The same pipeline, all of whose stages are up to date."""
    if pipeline.edited:  # by a test that failed before it ran them
        pipeline.repro()
    return pipeline


def test_an_unchanged_project_runs_nothing(settled: Pipeline) -> None:
    done = settled.run("dvc", "repro")
    assert "Data and pipelines are up to date." in done.stdout


def test_a_backbone_layer_runs_its_tracks_their_heads_and_the_report(settled: Pipeline) -> None:
    assert settled.run("git", "add", "dvc.lock").returncode == 0
    assert settled.run("git", *AUTHOR, "commit", "--quiet", "-m", "one layer").returncode == 0
    settled.edit("params.yaml", "layers: [3]", "layers: [2, 6]")
    ran, _ = settled.repro()
    assert ran == {"extract@mine-minilm", *MAIN, "report"}
    # The store of one layer is still in DVC's history.
    assert "0 parts (0.0 MB) would be freed" in settled.cli("stores", "gc", "--dry-run").stdout


def test_every_store_is_on_disk_once(settled: Pipeline) -> None:
    chunks = list(settled.folder.glob("features/cache/mine/*.zarr/parts/*/c/0/0/0"))
    pool = settled.folder / "features/cache/.parts"
    for chunk in chunks:
        key = chunk.relative_to(settled.folder).parts[-5]
        assert chunk.samefile(pool / key[:2] / f"{key}.chunk")
    assert len(chunks) >= 2


def test_a_new_track_runs_only_it_and_a_head_switched_to_it_only_that_head(
    settled: Pipeline,
) -> None:
    settled.edit("params.yaml", "  mel: {", "  fine: {code: log-mel, num_bands: 24}\n  mel: {")
    settled.edit(
        "params.yaml", "tracks:\n", "tracks:\n  mine-fine: {corpus: mine, backbone: fine}\n"
    )
    ran, _ = settled.repro()
    assert ran == {"extract@mine-fine"}
    settled.edit("params.yaml", "{text: none, audio: mel,", "{text: none, audio: fine,")
    ran, _ = settled.repro()
    assert ran == {"train@audio", "report"}


def test_a_learning_rate_runs_its_head_the_heads_that_start_from_it_and_the_report(
    settled: Pipeline,
) -> None:
    settled.edit("params.yaml", "lr: 0.005", "lr: 0.004")
    ran, _ = settled.repro()
    assert ran == {"continue@tuned", "report"}
    settled.edit("params.yaml", "lr: 0.01", "lr: 0.02")
    ran, _ = settled.repro()
    assert ran == {*MAIN, "report"}


def test_an_ensemble_follows_its_heads_and_the_report_follows_the_ensemble(
    settled: Pipeline,
) -> None:
    section = "\nensembles: {both: {heads: [main, audio]}}"
    settled.edit("params.yaml", "transfers: {}", f"transfers: {{}}{section}")
    ran, _ = settled.repro()
    assert ran == {"ensemble@both", "report"}
    settled.edit("params.yaml", "lr: 0.01}\n\ncontinued", "lr: 0.03}\n\ncontinued")
    ran, _ = settled.repro()
    assert ran == {"train@audio", "ensemble@both", "report"}
    settled.edit("params.yaml", "lr: 0.03}", "lr: 0.01}")
    settled.edit("params.yaml", section, "")
    ran, _ = settled.repro()
    assert ran == {"train@audio", "report"} or ran == {"report"}
    assert "both" not in (settled.folder / "report.html").read_text()


def test_sweeps_and_tracking_run_nothing(settled: Pipeline) -> None:
    params = (settled.folder / "params.yaml").read_text()
    added = "tracking: {tensorboard: false}\nsweeps: {s: {head: main, space: {dim: [8, 16]}}}\n"
    (settled.folder / "params.yaml").write_text(f"{params}\n{added}")
    try:
        ran, _ = settled.repro()
        assert ran == set()
    finally:
        (settled.folder / "params.yaml").write_text(params)


def test_a_corrected_label_runs_the_heads_and_extracts_nothing(settled: Pipeline) -> None:
    text = (settled.folder / TABLE).read_text()
    row = next(line for line in text.splitlines() if ",train," in line and ",anger," in line)
    settled.edit(TABLE, row, row.replace(",anger,", ",surprise,"))
    ran, _ = settled.repro()
    assert ran == {"manifest@mine", *HEADS, "report"}


def test_a_replaced_clip_runs_its_part_and_its_heads(settled: Pipeline) -> None:
    audio = settled.folder / "data/raw/mine/audio"
    samples, rate_hz = soundfile.read(audio / "d002-u2.wav")
    soundfile.write(audio / "d002-u2.wav", samples[::-1], rate_hz)
    ran, printed = settled.repro()
    assert {"manifest@mine", "extract@mine-mel", "train@main", "report"} <= ran
    assert re.search(r"mine-mel: 32 tracks in \d+ parts \(1 made now\)", printed)
    assert re.search(r"mine-minilm: 32 tracks in \d+ parts \(0 made now\)", printed)


def test_a_comment_in_a_backbone_finds_all_parts_done_and_trains_nothing(settled: Pipeline) -> None:
    settled.edit("extract/backbones/log_mel.py", "VERSION = 1", "VERSION = 1  # rate")
    ran, printed = settled.repro()
    assert ran == {*EXTRACTS, *({"extract@mine-fine"} & ran)}
    counts = re.findall(r"\((\d+) made now\)", printed)
    assert counts and set(counts) == {"0"}


def test_features_are_on_disk_once_after_relinking(settled: Pipeline) -> None:
    assert settled.cli("stores", "relink").returncode == 0
    chunks = list(settled.folder.glob("features/cache/.parts/*/*.chunk"))
    published = {
        path.resolve().stat().st_ino
        for path in settled.folder.glob("features/cache/mine/*.zarr/parts/*/c/0/0/0")
    }
    assert published <= {chunk.stat().st_ino for chunk in chunks}
    assert settled.cli("stores", "verify").returncode == 0


def test_damage_that_dvc_holds_too_is_healed(settled: Pipeline) -> None:
    assert settled.cli("stores", "relink").returncode == 0
    store = settled.folder / "features/cache/mine/mel.zarr"
    chunk = max(store.glob("parts/*/c/0/0/0"), key=lambda path: path.stat().st_size)
    flip(chunk)
    # The same file in DVC's cache: deleting the store and 'dvc repro' would bring it back.
    assert chunk.stat().st_nlink >= 3
    assert settled.cli("train", "main").returncode == 2
    done = settled.cli("stores", "heal", "mine/mel")
    assert done.returncode == 0, done.stderr
    assert "does not match its checksum" in done.stdout and "rebuilt and intact" in done.stdout
    assert "deleted 1 parts from the pool, 1 files from DVC's cache" in done.stdout
    assert settled.cli("stores", "verify").returncode == 0
    ran, _ = settled.repro()
    assert ran == set()
    assert "the store is intact" in settled.cli("stores", "heal", "mine/mel").stdout


def test_a_damaged_run_is_healed(settled: Pipeline) -> None:
    flip(settled.folder / "runs/audio/predictions.jsonl")
    done = settled.cli("results")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("run 'python cli.py runs heal audio'")
    healed = settled.cli("runs", "heal", "audio")
    assert healed.returncode == 0 and "rebuilt and intact" in healed.stdout, healed.stderr
    assert "deleted 1 files from DVC's cache" in healed.stdout
    assert settled.cli("results").returncode == 0
    ran, _ = settled.repro()
    assert ran == set()


def flip(file: Path) -> None:
    """Flip a bit in place, as a disk does: every link to the file has it."""
    file.chmod(0o644)
    with file.open("r+b") as content:
        content.seek(file.stat().st_size // 2)
        byte = content.read(1)
        content.seek(-1, 1)
        content.write(bytes([byte[0] ^ 4]))
    file.chmod(0o444)


def test_dvc_keeps_every_file_of_a_run(settled: Pipeline) -> None:
    """What it does not keep is missing after a checkout, and the run is refused as damaged."""
    stages = read_yaml(settled.folder / "dvc.yaml")["stages"]
    for stage, name in (("train", "main"), ("continue", "tuned")):
        listed = stages[stage]["do"]
        kept = [
            *listed["outs"],
            *listed["metrics"],
            *(next(iter(plot)) for plot in listed["plots"]),
        ]
        paths = {path.replace("${key}", name) for path in kept}
        record = json.loads((settled.folder / "runs" / name / "run.json").read_text())
        for file in ("run.json", *record["files"]):
            assert f"runs/{name}/{file.split('/')[0]}" in paths, file


def test_a_sweep_by_command_and_an_experiment_by_queue(settled: Pipeline) -> None:
    params = (settled.folder / "params.yaml").read_text()
    sweep = "sweeps: {s: {head: audio, trials: 2, space: {dim: [8, 16]}}}\n"
    (settled.folder / "params.yaml").write_text(f"{params}\n{sweep}")
    done = settled.cli("sweep", "s")
    assert done.returncode == 0 and "To use trial" in done.stdout, done.stderr
    assert len((settled.folder / "runs/.sweeps/s/trials.jsonl").read_text().splitlines()) == 3
    (settled.folder / "params.yaml").write_text(params)
    for command in (["git", "add", "-A"], ["git", *AUTHOR, "commit", "-qm", "all"]):
        assert settled.run(*command).returncode == 0
    change = "heads.audio.training.lr=0.03"
    queued = settled.run("dvc", "exp", "run", "--queue", "-S", change, "train@audio")
    assert queued.returncode == 0, queued.stderr
    assert settled.run("dvc", "exp", "run", "--run-all").returncode == 0
    experiments = settled.run("dvc", "exp", "show", "--csv").stdout
    assert re.search(r"Success", experiments) and experiments.count("runs/audio/metrics.json") > 1


def test_metrics_and_plots_are_read_by_dvc(settled: Pipeline) -> None:
    metrics = settled.run("dvc", "metrics", "show", "--json").stdout
    assert '"weighted_f1"' in metrics
    assert settled.run("dvc", "plots", "show").returncode == 0
    for command in (["git", "add", "-A"], ["git", *AUTHOR, "commit", "-qm", "x", "--allow-empty"]):
        assert settled.run(*command).returncode == 0
    changes = json.loads(settled.run("dvc", "metrics", "diff", "--all", "--json").stdout)
    accuracy = changes["runs/main/metrics.json"]["test.emotion.accuracy.mean"]
    assert accuracy["old"] == accuracy["new"] > 0
    ignored = ["git", "-C", str(ROOT), "check-ignore", "--quiet", "dvc_plots/index.html"]
    assert settled.run(*ignored).returncode == 0


def test_a_recipe_without_synthetic_corpora_is_a_pipeline(settled: Pipeline) -> None:
    recipe = ROOT / "recipes" / "meld-text.yaml"
    params = (settled.folder / "params.yaml").read_text()
    try:
        shutil.copy(recipe, settled.folder / "params.yaml")
        stages = settled.run("dvc", "stage", "list", "--name-only").stdout
        assert stages.split() == [
            "manifest@meld",
            "extract@meld-minilm",
            "train@main",
            "report",
        ]
    finally:
        (settled.folder / "params.yaml").write_text(params)
