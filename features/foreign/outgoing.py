"""What goes out: the tracks of stores, one utterance after another, and the labels beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from features.errors import ProjectError, quoted
from features.manifest import Label
from features.progress import progress
from features.store.format import Array
from features.store.reader import Store

# Fields that are written as JSON, because they are no single value.
STRUCTURED = ("folds", "emotion_votes", "causes", "phq8_items")
COLUMNS = tuple(field.name for field in fields(Label) if field.name != "id")


@dataclass(frozen=True)
class Outgoing:
    """Stores of one corpus by field, with labels and texts in the order of the utterances.

    Most formats take one store, whose field is ``track``. Labels and texts are None where there is
    no manifest beside the stores.
    """

    name: str
    stores: Mapping[str, Store]
    labels: Sequence[Label] | None = None
    texts: Sequence[str | None] | None = None
    layer: int | None = None

    @property
    def store(self) -> Store:
        """The only store."""
        (store,) = self.stores.values()
        return store

    @property
    def ids(self) -> list[str]:
        """The ids of all utterances, those without a track included."""
        return next(iter(self.stores.values())).ids

    @property
    def layers(self) -> list[int]:
        """The numbers of the layers of the only store that go out."""
        layers: list[int] = self.store.attributes["layers"]
        return layers if self.layer is None or len(layers) == 1 else [self.layer]

    @property
    def num_bytes(self) -> int:
        """The size of all values as they are stored."""
        return sum(
            int(store.lengths.sum())
            * store.dim
            * np.dtype(store.dtype).itemsize
            * (1 if self.layer is not None else store.num_layers)
            for store in self.stores.values()
        )

    def attributes(self) -> dict[str, Any]:
        """What the only store says of all its tracks."""
        stated = self.store.attributes
        names = ("modality", "dim", "rate_hz", "first_step_s", "recipe", "digest", "backbone")
        kept = {name: stated[name] for name in names}
        return {**kept, "dtype": self.store.dtype, "layers": self.layers}

    def track(self, row: int, field: str | None = None) -> Array:
        """A track `(L, T, D)`; T is 0 where it is missing."""
        store = self.store if field is None else self.stores[field]
        track = store.track(row)
        if self.layer is None or store.num_layers == 1:
            return track
        place = store.attributes["layers"].index(self.layer)
        return track[place : place + 1]

    def tracks(self) -> Iterator[tuple[str, Array]]:
        """Id and track `(L, T, D)` of each utterance that has one, in order."""
        rows = [row for row, length in enumerate(self.store.lengths.tolist()) if length]
        for row in progress(rows, f"export {self.name}", len(rows), "tracks"):
            yield self.ids[row], self.track(row)

    def one_layer(self, form: str) -> None:
        """Raise ProjectError where a format that keeps one layer is to get several."""
        for name, store in self.stores.items():
            layers = store.attributes["layers"]
            if len(layers) > 1 and self.layer is None:
                which = self.name if len(self.stores) == 1 else f"{self.name} ({name})"
                raise ProjectError(
                    f"{which} has the layers {quoted(layers)}, but {form} keeps one; choose it "
                    "with --layer N, or export to hdf5, npz, npy-tree or parquet"
                )

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """What is known of all utterances by field of Label, and `text`, where any has a value."""
        columns: dict[str, list[Any]] = {}
        for name in COLUMNS if self.labels is not None else ():
            values = [getattr(label, name) for label in self.labels or ()]
            if any(value is not None and value != {} for value in values):
                columns[name] = values
        if self.texts is not None and any(text is not None for text in self.texts):
            columns["text"] = list(self.texts)
        for name, values in columns.items():
            with_nul = [row for row, v in enumerate(values) if isinstance(v, str) and "\0" in v]
            if with_nul:
                raise ProjectError(
                    f"the {name} of {self.ids[with_nul[0]]!r} has a NUL character, which no "
                    "format keeps; correct it in the corpus"
                )
        return columns

    def refuse_blanks(self, form: str) -> None:
        """Raise ProjectError for an id that a text file would not give back as it is."""
        for name in self.ids:
            if name != " ".join(name.split(" ")).strip() or len(name.splitlines()) != 1:
                raise ProjectError(
                    f"the id {name!r} begins or ends with a blank, or has a line break, which "
                    f"{form} does not keep; export to hdf5, npz or parquet"
                )

    @property
    def reasons(self) -> list[str]:
        """Why each utterance has no track; ``ok`` where it has one."""
        return self.store.reasons


def squeezed(track: Array) -> Array:
    """A track `(T, D)` where it has one layer, else `(L, T, D)`."""
    return track[0] if len(track) == 1 else track
