"""What the documentation shows works as it stands."""

import re
from types import ModuleType

import pytest
import torch

from features.leaves import leaf_names
from tests.conftest import ROOT
from tests.test_heads import DIMS, tracks
from train.data.masking import Padded
from train.pooling.mean import Pooling

PARTS = {
    "temporal": "temporal",
    "pooling": "pooling",
    "fusion": "fusions",
    "dialogue": "dialogues",
    "tasks": "tasks",
}


def page() -> str:
    return (ROOT / "docs" / "heads.md").read_text(encoding="utf-8")


def test_the_new_fusion_of_the_page_fuses() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", page(), re.S)
    module = ModuleType("product")
    exec(code, module.__dict__)
    fusion = module.__dict__["Fusion"](list(DIMS), 8, 0.0, lambda _: Pooling(8), scale=2.0)
    batch = {
        name: Padded(torch.ones(*track.mask.shape, 8), track.mask)
        for name, track in tracks(3).items()
    }
    assert fusion(batch).shape == (3, fusion.out_dim) == (3, 8)


@pytest.mark.parametrize(("heading", "folder"), [*PARTS.items(), ("objectives", "objectives")])
def test_the_page_names_every_part(heading: str, folder: str) -> None:
    (table,) = re.findall(rf"^\| `{heading}` \|.*?\n\n", page(), re.S | re.M)
    named = re.findall(r"`([a-z0-9-]+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M)))
    assert set(leaf_names(f"train/{folder}")) == set(named) - {heading}
