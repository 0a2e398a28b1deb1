"""What decides the bytes of a store, its hash, and what made the bytes."""

import platform
from functools import cache
from importlib.metadata import distributions, version
from typing import Any

import torch

from extract.media import faces
from extract.network.backbone import Backbone
from extract.network.compute import CPU, Compute
from features.files import digest_json
from features.specs.tracks import BackboneSpec, ExtractSpec
from features.store.pool import PARTS_SCHEMA
from features.store.publish import Header

# Raised when a change in extract/media changes what is read of some file: 2 reads files to their
# true end, on one clock.
DECODING = 2
PACKAGES = (
    *("torch", "torchaudio", "torchvision", "transformers", "tokenizers", "numpy", "av"),
    *("soundfile", "opencv-python-headless"),
)


def store_header(
    backbone: Backbone, backbone_spec: BackboneSpec, spec: ExtractSpec, compute: Compute = CPU
) -> Header:
    """The facts that all tracks of a store share, with the recipe hash over what decides them.

    The kind of device is part of it: a CPU's parts are never served to a GPU's run. The size of
    parts and the allowed failures are not, because they decide no value.
    """
    described = described_backbone(backbone, backbone_spec)
    decisive = {
        "schema": PARTS_SCHEMA,
        "backbone": described,
        "dtype": spec.dtype,
        "compute": spec.compute,
        "attention": spec.attention,
        "threads": spec.threads,
        "max_duration_s": spec.max_duration_s,
        "max_media_bytes": spec.max_media_bytes,
    }
    if {"audio", "video"} & set(backbone.reading.modalities):
        decisive["decoding"] = DECODING
    # A CPU's stores were named before there were others, and keep their names.
    made_on = {"device": compute.device.type, "compute": spec.compute} if compute.on_gpu else {}
    decisive |= made_on
    return Header(
        recipe=digest_json(decisive),
        backbone=described,
        modality=backbone.modality,
        dim=backbone.dim,
        layers=backbone.layers,
        dtype=spec.dtype,
        rate_hz=backbone.rate_hz,
        first_step_s=backbone.first_step_s,
        made_on=made_on,
    )


def described_backbone(backbone: Backbone, spec: BackboneSpec) -> dict[str, Any]:
    """The settings of a backbone, its version, its weights, and the face detector it uses."""
    described = {
        **spec.leaf.as_dict(),
        "version": backbone.version,
        "weights_digest": backbone.weights_digest,
    }
    # Older hashes lack these settings: clips were scaled, contexts left out, texts read whole.
    if described.get("normalise", True) in (None, True):
        described.pop("normalise", None)
    for name in ("keep_context", "first_window"):
        if not described.get(name, True):
            described.pop(name)
    if described.get("keep_context"):
        # Older tracks with these settings lack the column that marks earlier turns.
        described["marks"] = "context"
    for name in getattr(backbone, "unhashed", ()):
        described.pop(name, None)
    detector = getattr(backbone.prepare, "face_weights", None)
    if detector is not None:
        described["face_detector"] = faces.described(detector)
    return described


def made_with(compute: Compute, budget: int) -> dict[str, str]:
    """The machine and the packages on which the last float bits depend; kept in the pool only."""
    return {
        "device": torch.cuda.get_device_name(compute.device) if compute.on_gpu else "cpu",
        "machine": platform.machine(),
        "compute": compute.dtype,
        "budget": str(budget),
        **_versions(),
    }


@cache
def _versions() -> dict[str, str]:
    """The versions of the packages; those of requirements-extra.txt may be missing."""
    installed = [package for package in PACKAGES if any(True for _ in distributions(name=package))]
    return {package: version(package) for package in installed}
