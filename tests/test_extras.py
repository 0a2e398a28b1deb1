"""Packages that only some users need: what is pinned where, and what works without them."""

import re
import subprocess
import sys

import pytest

from features.errors import ProjectError
from features.extras import INSTALL, require_extra
from tests.conftest import ROOT

MODULES = ("cv2", "optuna", "wandb", "sentencepiece", "openpyxl", "odf")


def pins(file: str) -> set[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def names(file: str) -> set[str]:
    return {re.split("[=;]", pin)[0] for pin in pins(file)}


def test_no_package_is_in_both_lists() -> None:
    assert not names("requirements.txt") & names("requirements-extra.txt")


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-extra.txt"])
def test_a_package_that_the_constraints_name_has_their_version(file: str) -> None:
    shared = names(file) & names("constraints.txt")
    assert {pin for pin in pins(file) if re.split("[=;]", pin)[0] in shared} <= pins(
        "constraints.txt"
    )


def test_an_extra_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ProjectError, match="tracking.wandb needs the package wandb") as raised:
        require_extra("tracking.wandb", "no_such_module", "wandb")
    assert str(raised.value).endswith(INSTALL)


def test_an_extra_that_is_installed_is_not_refused() -> None:
    require_extra("tracking.wandb", "json", "json")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["extract.fill.fill", "train.runs.run_head", "cli"])
def test_a_stage_starts_without_the_extras(stage: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({MODULES})); import {stage}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
