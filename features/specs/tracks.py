"""The frozen specs of corpora, backbones and tracks that params.yaml is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from typing import Any, Literal

from features.binding import within
from features.files import digest_json
from features.manifest import BY_ID

CACHE_PATH = Path("features/cache")


@dataclass(frozen=True)
class ExtractSpec:
    """How tracks are made and stored; all fields but `max_failed` decide what bytes are stored.

    `compute` is the number format of the network (tf32 and bfloat16 on a GPU only), `dtype` that of
    the stored tracks.
    """

    dtype: Literal["float16", "float32"] = "float16"
    compute: Literal["float32", "tf32", "bfloat16"] = "float32"
    attention: Literal["sdpa", "eager"] = "sdpa"
    part_bytes: int = field(default=256_000_000, metadata={"check": within(1, None)})
    threads: int = field(default=2, metadata={"check": within(1, 1024)})
    max_failed: int = field(default=0, metadata={"check": within(0, None)})
    max_duration_s: float = field(default=600.0, metadata={"check": within(0.1, None)})
    max_media_bytes: int = field(default=2_000_000_000, metadata={"check": within(1, None)})


@dataclass(frozen=True)
class LeafSpec:
    """A leaf file by its name, with every setting filled in."""

    code: str
    options: Mapping[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """The settings as keyword arguments: ``from`` is ``from_``, as Python needs it."""
        return {f"{k}_" if iskeyword(k) else k: value for k, value in self.options.items()}

    def as_dict(self) -> dict[str, Any]:
        """The spec as plain JSON, for hashing and for the records of a run."""
        return {"code": self.code, **self.options}


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus reader and the folder it reads.

    `features` are patterns of ready-made feature files by name, `folds` a table that says in which
    fold each utterance is tested; both are relative to `root`. `known_bad` adds utterances that are
    unusable, each with the reason; `use_anyway` readmits some that the reader or `known_bad` lists.
    `duplicates` says whether a recording may occur in two splits, or under two speakers who must be
    kept apart.
    """

    name: str
    root: Path
    leaf: LeafSpec
    features: Mapping[str, str] = field(default_factory=dict)
    folds: str | None = None
    known_bad: Mapping[str, str] = field(default_factory=dict)
    use_anyway: list[str] = field(default_factory=list)
    duplicates: Literal["refused", "allowed"] = "refused"


@dataclass(frozen=True)
class BackboneSpec:
    """A frozen network and its settings; `features` names files that it reads instead of media.

    `modality` is None where a file says it (`imported` by `path`).
    """

    name: str
    modality: str | None
    leaf: LeafSpec
    features: str | None = None

    @property
    def reads(self) -> str:
        """What it reads of an utterance: a modality, feature files by name, or its id."""
        if self.leaf.options.get("path") is not None and self.leaf.code == "imported":
            return BY_ID
        return self.features or str(self.modality)


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


def settings_digest(leaf: LeafSpec) -> str:
    """The digest that identifies the parts of a backbone with these settings."""
    return digest_json(leaf.as_dict())


def store_path(corpus: str, backbone: str) -> Path:
    """Where the store of one backbone over one corpus is published."""
    return CACHE_PATH / corpus / f"{backbone}.zarr"
