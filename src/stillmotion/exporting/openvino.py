"""OpenVINO, by way of ONNX, because its own converter of Keras models fails for recurrent layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stillmotion.exporting import onnx
from stillmotion.exporting.program import NamedArrays, Program, Runner, missing, threads


def _openvino() -> Any:
    """The package, or an error that says how to install it."""
    try:
        import openvino
    except ImportError as error:
        raise missing("openvino", "openvino", error) from None
    return openvino


def write(program: Program, file: Path) -> None:
    """Write the program as an `.xml` file with the weights in a `.bin` file next to it, in float32."""
    openvino = _openvino()
    openvino.save_model(openvino.Core().read_model(onnx.convert(program)), str(file), compress_to_fp16=False)


def load(model: Path | bytes) -> Runner:
    """Load a model into OpenVINO, compiled for the CPU.

    Args:
        model: a serialized ONNX model, or an `.xml` file.

    Returns:
        What runs it.

    Raises:
        StillmotionError: OpenVINO is not installed.
    """
    openvino = _openvino()
    core = openvino.Core()
    # By default it computes in bfloat16 where the processor can, which is 1e-3 off.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    inputs, outputs = ([port.any_name for port in ports] for ports in (compiled.inputs, compiled.outputs))
    # With two requests in turn nothing has to be copied: the results of one may be the inputs of the other. Setting the
    # tensors one by one takes a third of the time that `infer` takes for a dictionary of arrays.
    requests = [compiled.create_infer_request(), compiled.create_infer_request()]

    def run(tensors: NamedArrays) -> NamedArrays:
        requests.reverse()
        request = requests[0]
        for place, name in enumerate(inputs):
            request.set_input_tensor(place, openvino.Tensor(tensors[name], shared_memory=True))
        request.infer(share_outputs=True)
        return {name: request.get_output_tensor(place).data for place, name in enumerate(outputs)}

    return run


OPENING = """import openvino

HERE = Path(__file__).parent
# By default it computes in bfloat16 where the processor can, which is 1e-3 off.
settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
compiled = openvino.Core().compile_model(str(HERE / "model.xml"), "CPU", settings)
outputs = [port.any_name for port in compiled.outputs]


def run(**tensors):
    results = compiled(tensors)
    return {name: np.array(results[place]) for place, name in enumerate(outputs)}

"""
