"""The 3-D ResNets of torchvision with their Kinetics-400 weights, or with random ones."""

from pathlib import Path

import torch
from torchvision.models import video
from torchvision.models.video.resnet import VideoResNet

from extract.network.backbone import seeded
from extract.network.weights_files import require_whole
from features.errors import ProjectError
from features.files import digest_json

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
# How each is built, its published weights, and the frames of one step.
NETWORKS = {
    "r3d-18": (video.r3d_18, video.R3D_18_Weights, 8),
    "mc3-18": (video.mc3_18, video.MC3_18_Weights, 1),
    "r2plus1d-18": (video.r2plus1d_18, video.R2Plus1D_18_Weights, 8),
}


def weighted_network(architecture: str, weights: str, seed: int) -> tuple[VideoResNet, str]:
    """A network and the digest of its weights: `kinetics400`, or `random` ones of a seed."""
    build, published_weights, _ = NETWORKS[architecture]
    published = published_weights.KINETICS400_V1
    if weights == "random":
        return seeded(seed, lambda: build(weights=None)), digest_json(["random", seed])
    file = Path(torch.hub.get_dir(), "checkpoints", published.url.rsplit("/", 1)[1])
    if file.exists():
        require_whole(file)
    try:
        state = published.get_state_dict(check_hash=True, progress=False, weights_only=True)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "invalid hash" not in str(error):
            raise
        raise ProjectError(
            f"the weights of {architecture} are not on this machine and could not be downloaded "
            f"({error}). Connect to the internet once, or put {file.name} into {file.parent}."
        ) from None
    network = build(weights=None)
    network.load_state_dict(state)
    return network, digest_json(published.url)
