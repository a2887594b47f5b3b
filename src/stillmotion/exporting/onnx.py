"""ONNX, converted from TensorFlow by tf2onnx and run by ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from stillmotion.errors import StillmotionError, last_line
from stillmotion.exporting.program import NamedArrays, Program, Runner, missing, threads, traced
from stillmotion.exporting.recurrence import for_onnx, replace

OPSET = 17


def convert(program: Program) -> bytes:
    """Convert a program to ONNX.

    Args:
        program: what to convert.

    Returns:
        The serialized ONNX model.

    Raises:
        StillmotionError: tf2onnx is not installed, Keras does not run on TensorFlow, or ONNX cannot hold the model.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise missing("tf2onnx", "onnx", error) from None
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = traced(program)
    try:
        with for_onnx() as recurrences:
            model, _ = tf2onnx.convert.from_function(
                function,
                input_signature=function.input_signature,
                opset=OPSET,
                custom_op_handlers={"PyFunc": (replace(recurrences), []), "Erfc": (_replace_erfc, [])},
            )
            _keep_constants(model.graph, function.get_concrete_function(), len(program.inputs))
            _split_biases(model.graph)
            _set_groups(model)
    except Exception as error:  # The converter raises errors of every kind.
        raise StillmotionError(f"ONNX cannot hold this model ({type(error).__name__}: {last_line(error)})") from error
    serialized: bytes = model.SerializeToString()
    return serialized


def _keep_constants(graph: Any, traced_function: Any, inputs: int) -> None:
    """Store the tensors that layers hold, such as the mean of a Normalization: tf2onnx makes inputs of them."""
    from onnx import numpy_helper

    captured = zip(traced_function.inputs[inputs:], traced_function.captured_inputs, strict=True)
    held = {inner.name: outer for inner, outer in captured}
    for tensor in [tensor for tensor in graph.input if tensor.name in held]:
        graph.initializer.append(numpy_helper.from_array(np.asarray(held[tensor.name]), tensor.name))
        graph.input.remove(tensor)


def _split_biases(graph: Any) -> None:
    """Add a convolution's second bias in a node of its own: tf2onnx makes a fourth input of it, and ONNX has three."""
    from onnx import helper, numpy_helper

    kernels = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Conv" and len(node.input) == 4]:
        output, bias = node.output[0], node.input[3]
        shape = np.array([1, -1, *[1] * (len(kernels[node.input[1]]) - 2)])
        graph.initializer.append(numpy_helper.from_array(shape, f"{output}_shape"))
        del node.input[3]
        node.output[0] = f"{output}_convolved"
        place = list(graph.node).index(node) + 1
        graph.node.insert(place, helper.make_node("Reshape", [bias, f"{output}_shape"], [f"{output}_bias"]))
        graph.node.insert(place + 1, helper.make_node("Add", [node.output[0], f"{output}_bias"], [output]))


def _set_groups(model: Any) -> None:
    """Say in how many groups a convolution works: TensorFlow reads it from the shapes, ONNX does not."""
    from onnx import helper, shape_inference

    graph = shape_inference.infer_shapes(model).graph
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in graph.value_info}
    kernels = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in kernels and shapes.get(node.input[0]):
            channels, per_group = shapes[node.input[0]][1], kernels[node.input[1]][1]
            if channels > per_group:
                others = [attribute for attribute in node.attribute if attribute.name != "group"]
                del node.attribute[:]
                node.attribute.extend([*others, helper.make_attribute("group", channels // per_group)])


def _replace_erfc(graph: Any, node: Any, *_: Any) -> None:
    """Write erfc(x), of which TensorFlow's GELU is made and which ONNX does not know, as 1 - erf(x)."""
    from onnx import helper

    dtype = graph.get_dtype(node.output[0])
    one = graph.make_const(f"{node.name}_one", np.ones((), helper.tensor_dtype_to_np_dtype(dtype)))
    node.type = "Erf"
    graph.insert_new_node_on_output("Sub", node.output[0], f"{node.name}_from_one", [one.output[0], node.output[0]])


def write(program: Program, file: Path) -> None:
    """Write the program as an `.onnx` file; see `convert`."""
    file.write_bytes(convert(program))


def load(model: Path | bytes) -> Runner:
    """Load a model into ONNX Runtime.

    Args:
        model: a serialized ONNX model, or its file.

    Returns:
        What runs it.

    Raises:
        StillmotionError: ONNX Runtime is not installed, or cannot run the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing("onnxruntime", "onnx", error) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a class for each kind of fault
        reason = last_line(error).rpartition(" : ")[2]  # after a number and a name
        raise StillmotionError(f"ONNX Runtime cannot run this model ({reason})") from error
    outputs = [output.name for output in session.get_outputs()]

    def run(tensors: NamedArrays) -> NamedArrays:
        return dict(zip(outputs, session.run(outputs, dict(tensors)), strict=True))

    return run


OPENING = """import onnxruntime

HERE = Path(__file__).parent
session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
outputs = [output.name for output in session.get_outputs()]


def run(**tensors):
    return dict(zip(outputs, session.run(outputs, tensors)))

"""
