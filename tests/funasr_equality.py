"""Is our emotion2vec FunASR's? Both read the same random checkpoint in the published format.

FunASR is heavy and lives in an environment of its own, which this script makes (about 2 GB):

    python tests/funasr_equality.py [--env FOLDER] [--json PATH] [--fixture PATH]

It prints, for clips of several lengths, the relative error of our track against FunASR's frames:
each clip alone, and all of them in one batch of ours. docs/explanation/numerics.md has what it
printed. With `--fixture` it also saves a tiny network, its clips and FunASR's frames, which the
tests compare.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.speech_architectures import EMOTION2VEC_CONFIG  # noqa: E402

PACKAGES = ("funasr==1.4.16", "torch==2.14.1", "torchaudio==2.11.0", "setuptools")
DURATIONS_S = (0.03, 0.5, 1.0, 2.5, 3.7, 11.8)

# The published base network, with what FunASR asks for beyond what an encoder needs.
SIZES: dict[str, Any] = EMOTION2VEC_CONFIG | {
    "depth": 8, "encoder_dropout": 0.1, "attention_dropout": 0.1, "activation_dropout": 0.0,
    "post_mlp_drop": 0.1, "dropout_input": 0.0, "layerdrop": 0.05, "end_of_block_targets": False,
    "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0, "average_top_k_layers": 8,
    "loss_beta": 0.0, "loss_scale": None,
    "modalities": {"audio": EMOTION2VEC_CONFIG["modalities"]["audio"] | {
        "prenet_depth": 4, "model_depth": 8, "prenet_layerdrop": 0.05, "prenet_dropout": 0.1,
        "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0, "init_extra_token_zero": True,
        "local_grad_mult": 1.0, "alibi_scale": 1.0, "learned_alibi_scale": True,
        "alibi_max_pos": None, "num_alibi_heads": 12, "decoder": None,
    }},
}  # fmt: skip

AUDIO = SIZES["modalities"]["audio"]
# 16 wide, one prenet block and two others, with a scale of its own for every block.
TINY: dict[str, Any] = SIZES | {
    "embed_dim": 16, "num_heads": 4, "depth": 2, "mlp_ratio": 2.0,
    "modalities": {"audio": AUDIO | {
        "prenet_depth": 1, "model_depth": 2, "num_alibi_heads": 4, "num_extra_tokens": 2,
        "conv_pos_groups": 4, "learned_alibi_scale_per_layer": True,
        "feature_encoder_spec": "[(8, 10, 5)] + [(8, 3, 2)] * 4 + [(8, 2, 2)] * 2",
    }},
}  # fmt: skip

# Runs where FunASR is: a random network of the published sizes, saved as published; then the
# frames of each clip through FunASR's own interface.
INSIDE = """
import json, sys
from pathlib import Path
import numpy as np, torch, yaml
import funasr
from funasr.models.emotion2vec.model import Emotion2vec

folder = Path(sys.argv[1])
config = {"model": "Emotion2vec", "model_conf": json.loads(sys.argv[2])}
torch.manual_seed(0)
network = Emotion2vec(model_conf=config["model_conf"], vocab_size=-1).eval()
with torch.no_grad():  # weights of a new network hide faults: norms of 1, biases of 0, equal scales
    for name, value in network.named_parameters():
        if value.ndim < 2 or "alibi_scale" in name:
            value += 0.1 * torch.randn_like(value)
state = {f"d2v_model.{name}": value for name, value in network.state_dict().items()}
torch.save({"model": state}, folder / "model.pt")
config |= {"tokenizer": None, "frontend": None, "scope_map": ["d2v_model.", "none"]}
(folder / "config.yaml").write_text(yaml.safe_dump(config))
model = funasr.AutoModel(
    model=str(folder), init_param=str(folder / "model.pt"), disable_update=True, device="cpu",
    disable_pbar=True,
)
loaded = model.model.state_dict()
assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
clips = np.load(folder / "clips.npz")
frames = {}
for name in clips.files:
    results = model.generate(
        torch.from_numpy(clips[name]), granularity="frame", extract_embedding=True
    )
    frames[name] = results[0]["feats"]
np.savez(folder / "frames.npz", **frames)
"""


def made_environment(folder: Path) -> Path:
    """The Python of an environment with FunASR in it, made where it is not there yet."""
    python = folder / "bin" / "python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        check=True,
    )
    return python


def run_inside(python: Path, folder: Path, sizes: dict[str, Any]) -> None:
    """Save the checkpoint and FunASR's frames in the folder; its log is shown on failure."""
    command = [str(python), "-c", INSIDE, str(folder), json.dumps(sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"FunASR failed:\n{done.stdout}\n{done.stderr}")


def compared(folder: Path) -> dict[str, dict[str, float]]:
    """By clip: steps, relative error alone and in one batch, against FunASR's frames."""
    import torch

    from extract.backbones import emotion2vec
    from extract.network.compute import CPU

    backbone = emotion2vec.load(CPU, checkpoint=str(folder))
    clips, frames = np.load(folder / "clips.npz"), np.load(folder / "frames.npz")
    windows = [backbone.prepare((clips[name], 16_000)).windows[0] for name in clips.files]
    with CPU.running():
        alone = [backbone.encode([window])[0][0] for window in windows]
        batch = [track[0] for track in backbone.encode(windows)]

    def error(track: torch.Tensor, name: str) -> float:
        reference = torch.from_numpy(frames[name])
        assert track.shape == reference.shape, (track.shape, reference.shape)
        return float((track - reference).norm() / reference.norm())

    return {
        name: {
            "steps": len(frames[name]),
            "alone": error(alone[number], name),
            "in_a_batch": error(batch[number], name),
        }
        for number, name in enumerate(clips.files)
    }


def save_clips(folder: Path, durations_s: Sequence[float]) -> None:
    """Noise of some durations, 16 kHz."""
    random = np.random.default_rng(0)
    clips: dict[str, Any] = {
        f"{duration_s} s": random.normal(0, 0.1, round(duration_s * 16_000)).astype(np.float32)
        for duration_s in durations_s
    }
    np.savez(folder / "clips.npz", **clips)


def save_fixture(python: Path, folder: Path, path: Path) -> None:
    """A tiny network's config, weights, clips and FunASR's frames in one file."""
    import torch

    folder.mkdir()
    save_clips(folder, (0.03, 0.4, 1.0))
    run_inside(python, folder, TINY)
    weights = torch.load(folder / "model.pt", weights_only=True)["model"]
    arrays: dict[str, Any] = {f"weights/{k}": v.numpy() for k, v in weights.items()}
    for kind in ("clips", "frames"):
        arrays |= {f"{kind}/{name}": v for name, v in np.load(folder / f"{kind}.npz").items()}
    np.savez_compressed(path, config=json.dumps(TINY), **arrays)


@click.command()
@click.option("--env", "environment", type=click.Path(path_type=Path), help="Where FunASR lives.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--fixture", type=click.Path(path_type=Path), help="Save a tiny network here.")
def main(environment: Path | None, json_path: Path | None, fixture: Path | None) -> None:
    """Print a table of relative errors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = made_environment(environment or folder / "environment")
        save_clips(folder, DURATIONS_S)
        run_inside(python, folder, SIZES)
        figures = compared(folder)
        if fixture:
            save_fixture(python, folder / "tiny", fixture)
    click.echo(f"{'clip':<10}{'steps':>8}{'alone':>12}{'in a batch':>12}")
    for clip, row in figures.items():
        click.echo(f"{clip:<10}{row['steps']:>8}{row['alone']:>12.1e}{row['in_a_batch']:>12.1e}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
