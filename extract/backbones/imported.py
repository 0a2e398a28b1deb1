"""Ready-made features: tables with ids, one table per utterance, or ordered arrays.

`features` names the files under ``corpora.<name>.features``. Each utterance's rows become its
steps, as they are; no network runs. Rows with times are cut by them, one of several faces is taken,
and rows in which that face is lost give no steps. DAIC-WOZ's COVAREP and CLNF tables, OpenFace's,
and the arrays of CMU-MOSI are such files. With `format` the tracks of many utterances come from
one file of another tool (`_foreign.py`).
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from extract.backbones._foreign import Foreign, load_foreign
from extract.backbones._selection import Selection
from extract.network.backbone import Reading, Window
from extract.network.compute import CPU, Compute
from features.errors import ProjectError
from features.leaves import OneOfLeaves

MODALITY = {"modality": {"text": "text", "audio": "audio", "video": "video"}}
VERSION = 1
# Of tables with named columns: their rows have faces and times, if they say so.
CLOCK_VERSION = 2
READS = "features"
RANGES = {"dim": (1, None), "rate_hz": (0.001, None)}


Format = Annotated[str, OneOfLeaves("features/exchange")]


class Imported:
    """A backbone without a network: the rows that were read are the track."""

    layers = (0,)
    weights_digest = ""
    nominal_steps = 1
    budget = 2**20
    # The settings of files by id were added later; for tables they are None.
    unhashed = ("format", "path", "field", "digest")

    def __init__(self, modality: str, features: str, selection: Selection) -> None:
        self.modality = modality
        self.version = VERSION if selection.columns is None else CLOCK_VERSION
        self.dim = selection.dim
        self.rate_hz = selection.rate_hz
        self.first_step_s = None if selection.rate_hz is None else 0.5 / selection.rate_hz
        self.reading = Reading((features,))
        self.prepare = selection
        if selection.rate_hz is not None:
            self.nominal_steps = max(1, round(4 * selection.rate_hz))

    def cost(self, window: Window) -> int:
        """Rows."""
        return max(1, len(window.values))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        """The rows as they are, `(1, T, D)`."""
        return [torch.from_numpy(window.values)[None] for window in windows]


def load(
    compute: Compute,
    *,
    modality: Literal["text", "audio", "video"] | None = None,
    features: str | None = None,
    dim: int | None = None,
    columns: list[str] | None = None,
    id_column: str | None = None,
    id_pattern: str | None = None,
    rate_hz: float | None = None,
    replace_non_finite: float | None = None,
    format: Format | None = None,
    path: str | None = None,
    field: str | None = None,
    digest: str | None = None,
) -> Imported | Foreign:
    """Read files of features; no network runs.

    Either `features` names files of the corpus, with `dim` numbers for each step, or `path` is a
    file or folder of a `format` of features/exchange, with the tracks of many utterances by id.

    `id_column` names the column of a shared table that holds the utterance's id; `id_pattern` is a
    regular expression with groups, and ids are the same where it captures the same in both.
    `rate_hz` is how many rows a second has; it is needed where only some stretches of the media
    are read. `replace_non_finite` replaces values that are not finite, which fail the utterance
    otherwise; the store keeps how many it replaced. `field` is needed where a file has the tracks
    of several networks, and `modality` where the file does not state it. `digest` is the file's
    own; through it DVC sees a change of a file that is outside the folder of the corpus.
    """
    if id_pattern is not None and not _num_groups(id_pattern):
        raise ProjectError(
            f"id_pattern is {id_pattern!r}; it must be a regular expression with a group, "
            "such as '0[13]-(.+)'"
        )
    if format is not None:
        assert path is not None, "params.yaml was checked"
        own: dict[str, Any] = {"id_pattern": id_pattern, "rate_hz": rate_hz}
        own |= {"replace_non_finite": replace_non_finite, "digest": digest}
        return load_foreign(format, path, modality=modality, field=field, **own)
    assert modality is not None and features is not None and dim is not None
    selected = None if columns is None else tuple(columns)
    selection = Selection(dim, selected, id_column, id_pattern, rate_hz, replace_non_finite)
    return Imported(modality, features, selection)


def tiny() -> Imported | Foreign:
    """Three numbers per row, 10 rows a second."""
    return load(CPU, modality="audio", features="tiny", dim=3, rate_hz=10.0)


def _num_groups(pattern: str) -> int | None:
    try:
        return re.compile(pattern).groups
    except re.error:
        return None
