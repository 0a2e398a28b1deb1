"""The frozen specs that params.yaml is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from features.binding import within
from features.errors import ProjectError, did_you_mean, quoted

CACHE_PATH = Path("features/cache")


def _seeds(value: list[int]) -> str | None:
    right = value and len(set(value)) == len(value) and all(0 <= seed < 2**32 for seed in value)
    return None if right else "a list of different seeds from 0 to 4294967295"


@dataclass(frozen=True)
class ExtractSpec:
    """How tracks are made and stored; `max_failed` is the only field that decides no byte.

    `compute` is the number format of the network (bfloat16 on a GPU only), `dtype` that of the
    stored tracks.
    """

    dtype: Literal["float16", "float32"] = "float16"
    compute: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["sdpa", "eager"] = "sdpa"
    part_bytes: int = field(default=16_777_216, metadata={"check": within(1, None)})
    threads: int = field(default=2, metadata={"check": within(1, 1024)})
    max_failed: int = field(default=0, metadata={"check": within(0, None)})
    max_duration_s: float = field(default=600.0, metadata={"check": within(0.1, None)})
    max_media_bytes: int = field(default=2_000_000_000, metadata={"check": within(1, None)})


@dataclass(frozen=True)
class LeafSpec:
    """A leaf file by its name, with every setting filled in."""

    code: str
    options: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The spec as plain JSON, for hashing and for the records of a run."""
        return {"code": self.code, **self.options}


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus reader and the folder it reads."""

    name: str
    root: Path
    leaf: LeafSpec


@dataclass(frozen=True)
class BackboneSpec:
    """A frozen network and its settings."""

    name: str
    modality: str
    leaf: LeafSpec


@dataclass(frozen=True)
class TrackSpec:
    """One backbone over one corpus: a store."""

    name: str
    corpus: str
    backbone: str

    @property
    def store(self) -> Path:
        """Where the store is published."""
        return store_path(self.corpus, self.backbone)


@dataclass(frozen=True)
class TrainingSpec:
    """The training loop of a head; `choose_by` is the dev figure that keeps an epoch."""

    seeds: list[int] = field(metadata={"check": _seeds})
    epochs: int = field(default=40, metadata={"check": within(1, None)})
    batch_size: int = field(default=32, metadata={"check": within(1, None)})
    lr: float = field(default=0.001, metadata={"check": within(0.0, None)})
    weight_decay: float = field(default=0.01, metadata={"check": within(0.0, None)})
    schedule: Literal["constant", "one-cycle", "plateau"] = "one-cycle"
    patience: int = field(default=10, metadata={"check": within(1, None)})
    choose_by: Literal["weighted_f1", "macro_f1", "unweighted_accuracy", "accuracy"] = "macro_f1"


@dataclass(frozen=True)
class HeadSpec:
    """A small network on cached tracks, trained with every seed."""

    name: str
    corpus: str
    inputs: Mapping[str, str]
    dim: int
    dropout: float
    temporal: LeafSpec
    pooling: LeafSpec
    fusion: LeafSpec
    tasks: Mapping[str, LeafSpec]
    training: TrainingSpec

    @property
    def used_inputs(self) -> dict[str, str]:
        """Modality to backbone, without the modalities that are switched off."""
        return {m: backbone for m, backbone in self.inputs.items() if backbone != "none"}


@dataclass(frozen=True)
class Params:
    """All of params.yaml."""

    extract: ExtractSpec
    synthetic: Mapping[str, LeafSpec]
    corpora: Mapping[str, CorpusSpec]
    backbones: Mapping[str, BackboneSpec]
    tracks: Mapping[str, TrackSpec]
    heads: Mapping[str, HeadSpec]

    def pick(self, section: str, name: str) -> Any:
        """One entry of a section, or a ProjectError that lists the entries there are."""
        entries = getattr(self, section)
        if name not in entries:
            raise ProjectError(
                f"params.yaml: {section} has no entry {name!r}; "
                f"its entries are {quoted(entries)}.{did_you_mean(name, entries)}"
            )
        return entries[name]


def store_path(corpus: str, backbone: str) -> Path:
    """Where the store of one backbone over one corpus is published."""
    return CACHE_PATH / corpus / f"{backbone}.zarr"
