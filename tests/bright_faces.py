"""Makes tests/fixtures/bright_faces.onnx: a detector that takes bright squares for faces.

It has the inputs and outputs of YuNet, so OpenCV runs it through the same code, and a face is a
cell of 8, 16 or 32 pixels whose mean brightness is near white (250: certain; 200: not at all).
`python tests/bright_faces.py` needs the package onnx, which is not among the project's.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
STRIDES = (8, 16, 32)
# The middle of a box is the middle of its cell, and it is exp(0) cells wide and high.
BOX = [0.5, 0.5, 0.0, 0.0]


class Graph:
    """The nodes and constants of a graph so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], output: str, **settings: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **settings))
        return output

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def linear(self, source: str, name: str, weights: Any, bias: list[float]) -> str:
        """A convolution over single pixels, `(out, in)` weights."""
        weight = self.constant(f"{name}_weight", np.array(weights)[:, :, None, None])
        return self.add("Conv", [source, weight, self.constant(f"{name}_bias", bias)], name)

    def listed(self, source: str, output: str, width: int) -> None:
        """Maps as a list of cells, row by row."""
        turned = self.add("Transpose", [source], f"{output}_turned", perm=[0, 2, 3, 1])
        shape = self.constant(f"{output}_shape", [0, -1, width], np.int64)
        self.add("Reshape", [turned, shape], output)


def main() -> None:
    """Write the fixture."""
    graph = Graph()
    grey = graph.linear("input", "grey", [[1 / 3] * 3], [0.0])
    least, most = graph.constant("least", 0), graph.constant("most", 1)
    for stride in STRIDES:
        size = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        mean = graph.add("AveragePool", [grey], f"mean_{stride}", **size)
        above = graph.linear(mean, f"above_{stride}", [[1 / 50]], [-4.0])
        bright = graph.add("Clip", [above, least, most], f"bright_{stride}")
        box = graph.linear(mean, f"box_{stride}", [[0.0]] * 4, BOX)
        marks = graph.linear(mean, f"marks_{stride}", [[0.0]] * 10, [0.0] * 10)
        outputs_of_stride = {"cls": bright, "obj": bright, "bbox": box, "kps": marks}
        for name, maps in outputs_of_stride.items():
            graph.listed(maps, f"{name}_{stride}", WIDTHS[name])
    outputs = [
        helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, [1, None, width])
        for name, width in WIDTHS.items()
        for stride in STRIDES
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    made = helper.make_graph(graph.nodes, "bright", [image], outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path = Path(__file__).parent / "fixtures" / "bright_faces.onnx"
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
