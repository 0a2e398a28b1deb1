"""The report: self-contained, complete, and clear about random weights."""

import io
import json
import re
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
import soundfile

from app.corpora.embedded import sounds_to_embed
from app.results.charts import interval_chart
from app.results.page import render
from app.results.runs import Results, load_results
from features.manifest import Utterance
from features.params.load import load_params
from tests.conftest import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow
# A class, and the end of every sentence, that would be elements if they were read as HTML.
HOSTILE = "<u>joy"

PARAMS = """
extract: {}
synthetic: {}
corpora:
  mine: {code: demo, root: data/raw/mine, known_bad: {d000-u3: a door <b>slams</b>}}
  yours: {code: demo, root: data/raw/yours}
backbones:
  mel: {code: log-mel, num_bands: 8}
  r3d-random: {code: r3d, weights: random, size_px: 16, rate_hz: 4}
tracks:
  mine-mel: {corpus: mine, backbone: mel}
  mine-r3d-random: {corpus: mine, backbone: r3d-random}
  yours-mel: {corpus: yours, backbone: mel}
heads:
  audio: &head
    corpus: mine
    inputs: {text: none, audio: mel, video: none}
    dim: 8
    temporal: {code: none}
    pooling: {code: mean}
    fusion: {code: concat}
    tasks: {emotion: {}}
    training: {seeds: [0], epochs: 2}
  main:
    <<: *head
    inputs: {text: none, audio: mel, video: r3d-random}
    training: {seeds: [0, 1], epochs: 2}
  scores:
    <<: *head
    tasks: {vad: {}, phq8: {}}
    training: {seeds: [0], epochs: 2, choose_by: mae}
  talk:
    <<: *head
    dialogue: {code: recurrent, causal: true}
    tasks: {emotion: {}, causes: {}}
    training: {seeds: [0], epochs: 2, choose_by: pair_weighted_f1}
  talk-too:
    <<: *head
    dialogue: {code: none}
    tasks: {causes: {}}
    training: {seeds: [0, 1], epochs: 2, choose_by: pair_weighted_f1}
  probe:
    code: probe
    corpus: mine
    protocol: {code: speaker-folds, num_folds: 2, dev_unit: dialogue}
    inputs: {text: none, audio: mel, video: none}
    tasks: {vad: {}}
    choose_by: ccc
continued:
  paced:
    <<: *head
    start: audio
    training:
      seeds: [0]
      epochs: 3
      difficulty: class-frequency
      curriculum: {epochs: 2}
      raise_dropout: {to: 0.5, after: 1}
transfers:
  elsewhere:
    head: audio
    corpus: yours
    inputs: {text: none, audio: mel, video: none}
"""


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, demo_root: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "params.yaml").write_text(PARAMS)
    for name in ("mine", "yours"):
        shutil.copytree(demo_root, project.folder / "data/raw" / name)
        table = project.folder / "data/raw" / name / "utterances.csv"
        table.write_text(table.read_text().replace(",joy,", f",{HOSTILE},").replace(".,", "<hr>.,"))
    commands = (
        ["manifest", "mine"], ["manifest", "yours"], ["extract", "mine-mel"],
        ["extract", "mine-r3d-random"], ["extract", "yours-mel"], ["train", "main"],
        ["train", "audio"], ["train", "scores"], ["train", "probe"], ["train", "paced"],
        ["train", "talk"], ["train", "talk-too"],
        ["transfer", "elsewhere"], ["report"],
    )  # fmt: skip
    scan = {"corpus": "mine", "backbone": "mel", "modality": "audio", "task": "vad", "sources": {}}
    scans = project.folder / "runs/_scans"
    scans.mkdir(parents=True)
    (scans / "old.json").write_text(json.dumps(scan))
    for command in commands:
        done = project.cli(*command)
        assert done.returncode == 0, done.stderr
    (project.folder / "report.log").write_text(done.stderr)
    return project


@pytest.fixture(scope="module")
def page(reported: Project) -> str:
    return (reported.folder / "report.html").read_text(encoding="utf-8")


def test_a_stale_scan_is_named_and_does_not_fail_the_stage(reported: Project) -> None:
    said = (reported.folder / "report.log").read_text()
    assert "old.json: stale: made with other" in said
    assert "python cli.py scan mel --corpus mine --task vad" in said


def test_the_page_loads_nothing_from_the_network(page: str) -> None:
    assert not re.findall(r"<(?:link|img|iframe)\b|<script[^>]", page)
    assert not re.findall(r"fetch\(|XMLHttpRequest|import\(", page)
    assert not re.findall(r"(?:src|href)=[\"'](?!#|data:)", page)
    assert "url(http" not in page and "@import" not in page


def test_every_head_has_its_figures_curves_and_confusion_matrix(page: str) -> None:
    for head in ("main", "audio", "scores", "probe", "paced", "talk", "talk-too"):
        assert f'<section class="head" id="{head}">' in page
    # Curves of seven heads, pacing of one; of emotion: confusion and calibration; of every
    # measure: robustness.
    assert page.count("<svg") == 7 + 1 + 4 * 2 + (1 + 1 + 1 + 4 + 3 + 2 + 1)
    assert page.index('id="main"') < page.index('id="probe"')
    assert "majority baseline" in page and "mean baseline" in page and "±" in page
    assert "shuffled-label control" in page and "95 % confidence interval" in page


def test_a_curriculum_is_drawn_where_there_is_one(page: str) -> None:
    assert page.count("Curriculum and dropout, in the longest training") == 1
    assert page.count("Started from the weights of audio.") == 1
    assert "share of the training split" in page and "mean difficulty of this share" in page


def test_the_page_says_what_was_selected_on_which_dev_set(page: str) -> None:
    assert "Protocol official. The epoch was selected by macro f1 on the corpus" in page
    assert "Protocol speaker-folds. The penalty strength was selected by ccc on a dev set" in page
    assert "Confidence intervals: bootstrap" in page and "by fold: fold-1" in page


def test_notes_on_a_corpus_are_listed(page: str) -> None:
    assert "the media of d000-u3 are not used: a door &lt;b&gt;slams&lt;/b&gt;" in page
    assert "Missing tracks: mel: 1 known-bad" in page


def test_numbers_are_in_their_units_and_classes_in_per_cent(page: str) -> None:
    assert "Test: phq8, in the units of the labels" in page
    assert "Test: emotion, in per cent" in page


def test_pairs_have_figures_of_their_own(reported: Project, page: str) -> None:
    assert "Test: cause_pairs, in per cent" in page and "<th>pair weighted f1</th>" in page
    assert "dialogue recurrent, past turns only" in page
    output = reported.cli("compare", "talk", "talk-too").stdout
    assert "test cause_pairs" in output and re.search(r"^pair_f1 .* [+-]\d", output, re.MULTILINE)
    assert re.search(r"^talk +\d+\.\d", reported.cli("results").stdout, re.MULTILINE)


def test_a_transfer_names_the_classes_and_what_was_dropped(page: str) -> None:
    assert "audio, trained on mine, tested on 32 utterances of yours" in page
    assert "&lt;u&gt;joy is &lt;u&gt;joy" in page and "Nothing was dropped" in page


def test_heads_on_the_same_utterances_are_compared(reported: Project, page: str) -> None:
    assert "main compared with the others" in page
    output = reported.cli("compare", "main", "audio").stdout
    assert re.search(r"^macro_f1 .* [+-]\d+\.\d", output, re.MULTILINE)
    refused = reported.cli("compare", "main", "probe")
    assert refused.returncode == 2 and "were tested on different utterances" in refused.stderr
    refused = reported.cli("compare", "main", "scores")
    assert refused.returncode == 2 and "predict nothing in common" in refused.stderr


def test_random_weights_are_named(page: str) -> None:
    assert "random weights</strong>: r3d-random." in page


def test_the_same_runs_give_the_same_page(reported: Project, page: str) -> None:
    assert reported.cli("report").returncode == 0
    assert (reported.folder / "report.html").read_text(encoding="utf-8") == page


def test_results_print_a_table_and_where_the_report_is(reported: Project) -> None:
    output = reported.cli("results").stdout
    assert "elsewhere: audio on yours, emotion" in output
    assert re.search(r"^main +\d+\.\d ± \d+\.\d", output, re.MULTILINE)
    assert re.search(r"^majority baseline, mine +\d+\.\d", output, re.MULTILINE)
    assert str(reported.folder / "report.html") in output


def test_a_browser_shows_the_page(reported: Project, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={tmp_path}", "--dump-dom", f"file://{reported.folder}/report.html"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.count("<path") > 20 and "Results on mine" in done.stdout


def test_frames_without_a_face_are_counted_and_silent_clips_are_named(
    reported: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reported.folder)
    runs = load_results(load_params()).runs
    stores = runs[0].record["stores"]
    stores["video"]["facts"] = {"num_faceless": 3, "num_frames": 40}
    stores["audio"]["doubtful"] = {"num_silent": ["d000-u1"]}
    page = render(Results(runs, [], [], []), {}, {}, {})
    assert "r3d-random: no face in 3 of 40 frames" in page
    assert "mel: clips without any sound: 1 (d000-u1)" in page


def test_tables_to_paste_have_the_figures_of_the_runs(reported: Project) -> None:
    document = json.loads(reported.cli("results", "--format", "json").stdout)
    by_name = {(each["measure"], each["name"], each["row"]): each for each in document}
    own = json.loads((reported.folder / "runs/main/metrics.json").read_text())
    main = by_name["emotion", "main", "single seeds"]
    assert main["figures"]["macro_f1"] == own["test"]["emotion"]["macro_f1"]
    best = [each["name"] for each in document if each["measure"] == "emotion" and each["best"]]
    assert len(best) <= 1
    for form in ("csv", "latex", "markdown"):
        assert "main" in reported.cli("results", "--format", form).stdout


def test_a_page_has_what_a_paper_needs(reported: Project, page: str) -> None:
    csv_text = b64decode(re.findall(r'download="results.csv" href="data:[^,]*,([^"]+)"', page)[0])
    assert csv_text.decode() == reported.cli("results", "--format", "csv").stdout
    assert page.count("<summary>Methods paragraph for a paper</summary>") == 7
    assert "Utterances were encoded as sequences by frozen networks: audio by log-mel (num" in page
    assert "penalty, weakest last" in page and page.count("<summary>Settings and tracks") == 7
    record = json.loads((reported.folder / "runs/main/run.json").read_text())
    assert f"recipe {record['stores']['audio']['recipe'][:16]}" in page
    assert "torch " in page and "Most confident mistakes: emotion" in page


def test_a_figure_is_bold_where_the_paired_test_says_so(reported: Project, page: str) -> None:
    document = json.loads(reported.cli("results", "--format", "json").stdout)
    assert page.count('class="num best"') == sum(each["best"] for each in document)


def test_text_of_others_is_shown_as_text(page: str) -> None:
    assert "a door &lt;b&gt;slams&lt;/b&gt;" in page and "<b>slams" not in page
    assert "&lt;u&gt;joy" in page and HOSTILE not in page
    assert "&lt;hr&gt;." in page and "<hr" not in page


def test_counts_of_a_corpus_are_apart_from_its_notes(page: str) -> None:
    counts = page[page.index("<summary>mine: counts") :].partition("</details>")[0]
    assert "utterances," in counts and "split: dev" in counts and "&lt;u&gt;joy" in counts
    assert "slams" not in counts


def test_mistakes_are_heard_where_the_corpus_may_be_shared(page: str) -> None:
    clips = re.findall(r'<audio controls [^>]*src="data:audio/flac;base64,([^"]+)"', page)
    assert len(clips) >= 3
    samples, rate_hz = soundfile.read(io.BytesIO(b64decode(clips[0])))
    assert "Clips: made by Permafrost, Apache-2.0." in page
    assert rate_hz <= 16_000 and 0.3 < len(samples) / rate_hz < 10


def test_clips_of_other_corpora_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    params = load_params(ROOT / "recipes/meld-text.yaml")
    utterance = Utterance("u", audio="a.wav")
    with sounds_to_embed(params) as sound_of:
        assert [sound_of(corpus, utterance) for corpus in params.corpora] == [None]


def test_intervals_are_drawn_with_the_name_of_each_head() -> None:
    drawn = interval_chart([("main", 61.0, 59.0, 63.0), ("a < b", 58.0, 55.5, 60.0)], "macro_f1")
    assert ">main</text>" in drawn and ">a &lt; b</text>" in drawn and ">macro f1</text>" in drawn
    heights = [float(y) for y in re.findall(r'<use [^>]*y="([0-9.]+)"[^>]*fill: #1f6f8b', drawn)]
    assert len(heights) == 2 and heights != sorted(heights)  # drawn from below, main at the top
