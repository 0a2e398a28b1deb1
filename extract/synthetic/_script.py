"""Who says what in the demo corpus: speakers, dialogues, sentences and labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Random = np.random.Generator

# Each emotion is a different combination of cues; a single cue only narrows it down to a group.
# wording: the topic of the sentence; voice: how it is spoken; face: the expression.
EMOTIONS: dict[str, dict[str, Any]] = {
    "neutral": {"wording": "plain", "voice": "low", "face": "calm", "vad": (3.0, 2.0, 3.0)},
    "joy": {"wording": "good", "voice": "loud", "face": "calm", "vad": (4.5, 4.0, 3.8)},
    "surprise": {"wording": "good", "voice": "high", "face": "open", "vad": (3.6, 4.2, 2.8)},
    "anger": {"wording": "bad", "voice": "loud", "face": "tense", "vad": (1.6, 4.4, 4.4)},
    "sadness": {"wording": "bad", "voice": "low", "face": "tense", "vad": (1.4, 1.8, 1.8)},
    "fear": {"wording": "bad", "voice": "high", "face": "open", "vad": (1.8, 4.2, 1.4)},
}
CUES = {
    "wording": ("plain", "good", "bad"),
    "voice": ("low", "loud", "high"),
    "face": ("calm", "open", "tense"),
}
SENTIMENTS = {"plain": "neutral", "good": "positive", "bad": "negative"}
# How often a cue is replaced by a random one of its kind, so that no modality is reliable.
CUE_NOISE = {"wording": 0.12, "voice": 0.12, "face": 0.12}
CONTAGION = 0.35

SENTENCES = {
    "plain": (
        "The {thing} is on the table.",
        "We leave at {number} with {person}.",
        "I put the {thing} next to the door.",
        "{person} works there on Mondays.",
        "It takes about {number} minutes.",
        "The {thing} costs {number} euros.",
    ),
    "good": (
        "{person} won the first prize!",
        "We got the {thing} we always wanted.",
        "They said yes to the whole plan!",
        "{person} is coming home tonight.",
        "The {thing} works better than ever.",
        "I passed all {number} exams!",
    ),
    "bad": (
        "Somebody broke the {thing} again.",
        "{person} is in hospital since noon.",
        "We lost everything in the fire.",
        "They never told us about the {thing}.",
        "{person} said it was all my fault.",
        "The {thing} failed, and {number} people saw it.",
    ),
}
SLOTS = {
    "thing": ("car", "lamp", "letter", "boat", "kitchen", "camera", "piano", "garden", "computer"),
    "person": ("Anna", "Boris", "Clara", "David", "Elif", "Farid", "Greta", "Hugo", "Ines"),
    "number": ("two", "three", "five", "seven", "nine", "ten", "twelve", "twenty"),
}


@dataclass(frozen=True)
class Speaker:
    """A speaker of one split: a voice, a complexion and a mood between 0 (well) and 1."""

    name: str
    pitch_hz: float
    skin: tuple[int, int, int]
    mood: float

    @property
    def phq8(self) -> int:
        """The depression score, 0 to 24."""
        return round(24 * self.mood)


@dataclass(frozen=True)
class Turn:
    """One utterance to be written, spoken and drawn; `cues` may contradict the emotion."""

    speaker: Speaker
    emotion: str
    cues: dict[str, str]
    text: str
    vad: tuple[float, float, float]
    cause: int | None


def speakers(split: str, count: int, random: Random) -> list[Speaker]:
    """The speakers of a split, who are in no other."""
    return [
        Speaker(
            name=f"{split}-s{number:02d}",
            pitch_hz=float(random.uniform(95, 235)),
            skin=_skin(random),
            mood=float(random.beta(1.2, 2.4)),
        )
        for number in range(count)
    ]


def _skin(random: Random) -> tuple[int, int, int]:
    red, green, blue = random.integers((190, 130, 90), (250, 200, 160)).tolist()
    return red, green, blue


def dialogue(cast: list[Speaker], num_turns: int, random: Random) -> list[Turn]:
    """A dialogue in which emotions spread from turn to turn, with causes among its turns."""
    turns: list[Turn] = []
    for number in range(num_turns):
        speaker = cast[number % len(cast)]
        catching = bool(turns) and turns[-1].emotion != "neutral" and random.random() < CONTAGION
        emotion = turns[-1].emotion if catching else _emotion(speaker, random)
        cue = {kind: _cue(kind, emotion, random) for kind in CUES}
        cause = None
        if emotion != "neutral":
            cause = number - 1 if catching or (turns and random.random() < 0.3) else number
        vad = np.clip(random.normal(EMOTIONS[emotion]["vad"], 0.25), 1, 5)
        turns.append(
            Turn(
                speaker, emotion, cue, _sentence(cue["wording"], random), tuple(vad.tolist()), cause
            )
        )
    return turns


def _emotion(speaker: Speaker, random: Random) -> str:
    weights = np.array([1.6, 1.2, 1.0, 1.0, 0.5 + 2.0 * speaker.mood, 1.0])
    return str(random.choice(list(EMOTIONS), p=weights / weights.sum()))


def _cue(kind: str, emotion: str, random: Random) -> str:
    if random.random() < CUE_NOISE[kind]:
        return str(random.choice(CUES[kind]))
    return str(EMOTIONS[emotion][kind])


def _sentence(wording: str, random: Random) -> str:
    template = str(random.choice(SENTENCES[wording]))
    return template.format(**{slot: random.choice(words) for slot, words in SLOTS.items()})
