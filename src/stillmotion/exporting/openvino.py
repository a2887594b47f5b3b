"""OpenVINO, from ONNX: its own reading of Keras models fails for recurrent layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stillmotion.exporting import onnx
from stillmotion.exporting.program import Named, Program, Runner, missing, threads


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise missing("openvino", "openvino", error) from None
    return openvino


def write(program: Program, file: Path) -> None:
    """The `.xml` and, beside it, the weights as `.bin`, in float32."""
    openvino = _openvino()
    openvino.save_model(openvino.Core().read_model(onnx.convert(program)), str(file), compress_to_fp16=False)


def load(model: Path | bytes) -> Runner:
    """Compiled for the CPU.

    Raises:
        StillmotionError: OpenVINO is missing.
    """
    openvino = _openvino()
    core = openvino.Core()
    # Left to itself it computes in bfloat16 where the processor can, 1e-3 off.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    inputs, outputs = ([one.any_name for one in ports] for ports in (compiled.inputs, compiled.outputs))
    # Nothing is copied: the results of one request may be the inputs of the other. Tensors are set one by one, which
    # costs a third of what `infer` takes to look at a dictionary of arrays.
    requests = [compiled.create_infer_request(), compiled.create_infer_request()]

    def run(tensors: Named) -> Named:
        requests.reverse()
        request = requests[0]
        for place, name in enumerate(inputs):
            request.set_input_tensor(place, openvino.Tensor(tensors[name], shared_memory=True))
        request.infer(share_outputs=True)
        return {name: request.get_output_tensor(place).data for place, name in enumerate(outputs)}

    return run


OPENING = """import openvino

HERE = Path(__file__).parent
# Left to itself it computes in bfloat16 where the processor can, and is 1e-3 off.
settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
compiled = openvino.Core().compile_model(str(HERE / "model.xml"), "CPU", settings)
outputs = [one.any_name for one in compiled.outputs]


def run(**tensors):
    found = compiled(tensors)
    return {name: np.array(found[place]) for place, name in enumerate(outputs)}

"""
