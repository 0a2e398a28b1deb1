"""Which device a command takes, which kernels are set there, and which state a run keeps of it."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.devices import chosen_device
from extract.network.compute import Compute
from features.errors import ProjectError
from features.kernels import exact_kernels, repeatable_training
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.tracks import ExtractSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from tests.pretended_gpu import refuse_without_number
from train.loop.training_loop import TrainingLoop
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head

SECOND = torch.device("cuda", 1)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, as torch reports them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", refuse_without_number)


@pytest.fixture
def kept_settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Restores the settings of the process after a test."""
    backends = torch.backends
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    yield
    backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = before
    backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True
    backends.cudnn.deterministic = False
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]


class TestChoice:
    @pytest.mark.parametrize(
        ("option", "device"),
        [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
    )
    def test_a_gpu_always_has_its_number(self, option: str, device: str, gpus: None) -> None:
        assert chosen_device(option) == torch.device(device)

    def test_training_takes_the_cpu_unless_a_gpu_is_named(self, gpus: None) -> None:
        assert chosen_device("auto", auto_takes_gpu=False) == torch.device("cpu")
        assert chosen_device("cuda:1", auto_takes_gpu=False) == SECOND

    def test_for_the_cpu_no_cuda_function_is_called(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def called(*_: object) -> None:
            raise AssertionError("a CUDA function was called")

        for name in ("is_available", "device_count", "set_device", "_lazy_init"):
            monkeypatch.setattr(torch.cuda, name, called)
        device = chosen_device("cpu")
        exact_kernels(device)
        repeatable_training(device)
        Compute.of(ExtractSpec(), device)

    def test_an_old_driver_leaves_the_cpu_and_is_mentioned(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def too_old() -> bool:
            warnings.warn("The NVIDIA driver is too old (found version 11040)", stacklevel=1)
            return False

        monkeypatch.setattr(torch.cuda, "is_available", too_old)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        assert chosen_device("auto") == torch.device("cpu")
        assert "There is a GPU, but torch cannot use a GPU here" in capsys.readouterr().err
        with pytest.raises(ProjectError, match=r"'cuda', but torch cannot.*found version 11040"):
            chosen_device("cuda")

    def test_a_machine_without_a_gpu_gets_no_message(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        assert chosen_device("auto") == torch.device("cpu")
        assert capsys.readouterr().err == ""

    def test_a_missing_gpu_and_an_unknown_device_are_named(self, gpus: None) -> None:
        with pytest.raises(ProjectError, match="'cuda:2', and the GPUs.* are cuda:0 to cuda:1"):
            chosen_device("cuda:2")
        with pytest.raises(ProjectError, match="--device is 'gpu'; it must be auto, cpu, cuda or"):
            chosen_device("gpu")


@pytest.mark.usefixtures("kept_settings", "gpus")
class TestKernels:
    def test_convolutions_and_recurrent_layers_are_full_float32_too(self) -> None:
        Compute.of(ExtractSpec(), SECOND)
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
        assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"

    def test_tf32_is_used_if_it_is_asked_for(self) -> None:
        assert Compute.of(ExtractSpec(compute="tf32"), SECOND).dtype == "tf32"
        assert torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32

    @pytest.mark.parametrize("precision", ["float32", "tf32"])
    def test_a_head_trains_with_exact_and_deterministic_kernels(
        self, precision: Any, spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
    ) -> None:
        training = replace(spec.training, precision=precision)
        # The driver is needed only after all this is set.
        with pytest.raises(RuntimeError, match="driver"):
            run_head(
                replace(spec, training=training), labels, {"text": store}, tmp_path / "run",
                settings=RunSettings(device=SECOND),
            )  # fmt: skip
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"

    def test_a_workspace_of_the_environment_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        exact_kernels(SECOND)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"

    def test_a_workspace_that_is_not_repeatable_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
        with pytest.raises(ProjectError, match="CUBLAS_WORKSPACE_CONFIG is ':0:0'"):
            exact_kernels(SECOND)


def test_a_format_that_needs_a_gpu_is_refused_on_a_cpu(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match="extract.compute is 'tf32', which needs a GPU"):
        Compute.of(ExtractSpec(compute="tf32"), torch.device("cpu"))
    fast = replace(spec, training=replace(spec.training, precision="tf32"))
    with pytest.raises(ProjectError, match=r"heads\.test\.training\.precision is 'tf32', which"):
        run_head(fast, labels, {"text": store}, tmp_path / "run")


def test_a_run_saves_the_random_state_of_its_gpu_and_restores_it_on_another(
    spec: HeadSpec, labels: list[Label], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: list[Any] = []
    states = {SECOND: torch.tensor([7, 7], dtype=torch.uint8)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", states.__getitem__)
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: restored.append((state.tolist(), device))
    )
    splits = splits_of(labels, store)
    loop = TrainingLoop(
        spec, facts_of(splits["train"]), splits["train"], splits["dev"], 0, None, None,
        torch.device("cpu"),
    )  # fmt: skip
    loop.run_epoch()
    assert len(loop.state()["random"]) == 1
    loop.device = SECOND
    saved = loop.state()
    loop.device = torch.device("cuda", 0)
    loop.restore(saved)
    assert restored == [([7, 7], torch.device("cuda", 0))]
