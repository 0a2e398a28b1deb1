"""The contract of a corpus reader: a file in ``extract/corpora``, named as in params.yaml.

Its docstring says which folder it expects. Besides `read` it may define, each as a literal that is
read from the source text without importing the file:

- ``RANGES``: the least and the greatest value of a setting, by its name (None: no limit).
- ``FEATURES``: the ready-made features of the corpus, as a mapping from each name to what the
  reader needs to find its file. Utterances have features of these names only.
- ``SAME_RECORDINGS``: the readers of corpora made of the same recordings, so that a head trained
  on one is never tested on the other.

- ``SHARED_UNDER``: the licence of the corpus, if it lets anyone redistribute single clips, as in a
  report. Without it no clip leaves the machine.

And a function ``expected(*, ...) -> Expected`` with the settings of `read`: the published counts.
tests/reader_contract.py checks every file in the folder on a tiny corpus; what it cannot see there
(decoding, reading outside the root, splits of its own making) is left to the reviewer.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from features.manifest import Label, Utterance

# Reports what is doubtful: one line, printed and kept in the report.
Note = Callable[[str], None]
# Counts by field of the utterances or labels ("utterances" for all of them), then by value.
Expected = Mapping[str, Mapping[str, int] | int]
# A field of `Expected`: the session, counted over the utterances that have an emotion.
LABELLED_SESSION = "session (labelled only)"


class Reader(Protocol):
    """What the module of a corpus reader offers."""

    def read(
        self, root: Path, note: Note, *_: Any, **settings: Any
    ) -> Iterable[tuple[Utterance, Label]]:
        """Every utterance of the corpus in `root`, with its label.

        The settings are keyword-only parameters of their own, of types that params.yaml can hold
        (``int``, ``str | None``, ``Literal[...]``, ``dict[str, str]``, ...). The pairs come in
        the same order each time: a dialogue's turns are adjacent, in ascending order.

        An utterance has a unique id, the same in its label, and a text, an audio or video file or
        feature files. Paths are relative to `root` and stay inside it. Times are seconds from the
        start of the file; `video_box` is in fractions of the frame. Whatever the corpus does not
        say is None, never an empty string. A file that is missing is named all the same (it is
        reported); one that cannot be used has its reason in `known_bad`.

        A label has the classes by name, and valence, arousal and dominance on the corpus's own
        scale. `causes` is empty where there is no cause and None where nobody annotated causes.
        `split` is official or follows from a setting; otherwise it is None, and protocols split.

        Left to `read_corpus`: digests, `folds`, `recording`, `is_cause`, and a label's `speaker`,
        `session`, `dialogue` and `turn`. A reader decodes no media (the header of a file at most),
        writes nothing, draws nothing at random, and reads nothing outside `root`. What it leaves
        out, corrects or doubts it reports through `note`. Raises ProjectError for a folder that is
        not the corpus, naming the file and what it must be.
        """
        ...
