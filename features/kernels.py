"""Makes torch use exact kernels, the same in every run; both stages do so before a network runs.

The only file of this package that imports torch; no other file of the package imports it.
"""

import os
from typing import Any, Literal

import torch

from features.errors import ProjectError, quoted

NumberFormat = Literal["float32", "tf32", "bfloat16"]
# cuBLAS is deterministic only with a workspace of a fixed size, which it reads when CUDA starts.
WORKSPACE, REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", (":4096:8", ":16:8")


def exact_kernels(device: torch.device, number_format: NumberFormat = "float32") -> None:
    """Have this process compute in full float32 on a GPU, with repeatable kernels.

    Torch lets convolutions and recurrent layers of float32 run in TensorFloat-32 (ten bits of
    mantissa) by default; only ``tf32`` allows that, and for matrix products too.
    Sums of bfloat16 products stay in float32. For a CPU nothing is done, and CUDA is not started.
    Raises ProjectError if the environment sets a workspace that is not repeatable.
    """
    if device.type != "cuda":
        return
    workspace = os.environ.setdefault(WORKSPACE, REPEATABLE[0])
    if workspace not in REPEATABLE:
        raise ProjectError(
            f"{WORKSPACE} is {workspace!r} in the environment; results on a GPU are repeatable "
            f"only with {quoted(REPEATABLE)}. Unset it."
        )
    torch.cuda.set_device(device)
    # By the older of torch's two interfaces: after the newer one, reading the older one fails.
    backends = torch.backends
    backends.cudnn.allow_tf32 = backends.cuda.matmul.allow_tf32 = number_format == "tf32"
    backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    backends.cudnn.benchmark = False
    backends.cudnn.deterministic = True


def repeatable_training(device: torch.device) -> None:
    """Have backward passes on a GPU use deterministic kernels; for a CPU nothing is done.

    Sums into the same place (of embeddings, gathered rows, attention) depend on the order in which
    a GPU's threads arrive otherwise.
    """
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True)
        # It would fill every new tensor, which costs time and hides nothing here.
        deterministic: Any = torch.utils.deterministic
        deterministic.fill_uninitialized_memory = False
