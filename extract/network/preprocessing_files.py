"""What a checkpoint's files state about preprocessing; the rest is not guessed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.network.weights_files import read_settings
from features.errors import ProjectError, quoted


@dataclass(frozen=True)
class Stated:
    """Where the library reads a kind of preprocessing, in its order.

    First the part of processor_config.json under one of the names `nested`, then whole files.
    `decisive` are settings that checkpoints of one architecture differ in.
    """

    nested: tuple[str, ...]
    files: tuple[str, ...]
    decisive: tuple[str, ...] = ()

    def settings(self, folder: Path) -> dict[str, Any] | None:
        """What a checkpoint states; None where it has no such file."""
        processor = read_settings(folder / "processor_config.json")
        for name in self.nested:
            if isinstance(processor.get(name), dict):
                return dict(processor[name])
        for name in self.files:
            if (folder / name).is_file():
                return read_settings(folder / name)
        return None


AUDIO = Stated(("feature_extractor", "audio_processor"), ("preprocessor_config.json",))
COLOURS = ("image_mean", "image_std")
IMAGES = Stated(("image_processor",), ("preprocessor_config.json",), COLOURS)
VIDEOS = Stated(
    ("video_processor",), ("video_preprocessor_config.json", "preprocessor_config.json"), COLOURS
)
# By the ending of the name of the library's class.
KINDS = {"FeatureExtractor": AUDIO, "ImageProcessor": IMAGES, "VideoProcessor": VIDEOS}


def require_stated(library_class: str, folder: Path) -> None:
    """Refuse a folder that does not state the preprocessing that a class of the library reads.

    The library would use the class's defaults, with which the weights may not have been trained.
    """
    for ending, stated in KINDS.items():
        if library_class.endswith(ending):
            settings = stated.settings(folder)
            if settings is None:
                raise ProjectError(
                    f"the checkpoint in {folder} has no {stated.files[0]}, which states how its "
                    "inputs are prepared. Copy that file from the published checkpoint."
                )
            if missing := [name for name in stated.decisive if settings.get(name) is None]:
                raise ProjectError(
                    f"the {stated.files[0]} of the checkpoint in {folder} does not state "
                    f"{quoted(missing)}. Copy that file from the published checkpoint."
                )
