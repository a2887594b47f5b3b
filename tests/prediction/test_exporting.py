"""An exported model predicts the same in its own runtime, without stillmotion, or is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import stillmotion as sm
from helpers.media import noise, write_video
from helpers.training import whole_networks
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.exporting import FORMATS, ExportFormat
from stillmotion.models import build_model
from stillmotion.models.card_files import write_card
from stillmotion.models.cards import Fact, ModelCard
from stillmotion.prediction import exporting
from stillmotion.prediction.describing import DescribedModel, describe_model
from stillmotion.prediction.exporting import export_model

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(
        os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="exported from TensorFlow"
    ),
]
NEEDS = {
    "onnx": ["tf2onnx", "onnxruntime"], "openvino": ["tf2onnx", "openvino"], "saved_model": [],
    "litert": ["ai_edge_litert"],
}  # fmt: skip
LABELS = ("left", "right", "still")


def need(format: str) -> None:
    for package in NEEDS[format]:
        pytest.importorskip(package)


def saved(folder: Path, family: str, frames: int = 4, **options: Any) -> tuple[Path, keras.Model]:
    folder.mkdir(exist_ok=True)
    model = build_model(family, frames=frames, height=16, width=16, classes=3, options=options)
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    model.save(folder / "mine.keras")
    write_card(describe_model(folder / "mine.keras", channels="rgb"), folder / "mine.json")
    return folder / "mine.keras", model


def run_examples(*calls: tuple[Path, Path]) -> list[list[list[float]]]:
    """The probabilities that each example prints for its file, in an interpreter without stillmotion and Keras."""
    code = (
        "import sys, runpy; sys.modules |= {'stillmotion': None, 'keras': None}\n"
        "for call in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    sys.argv = [*call]; runpy.run_path(call[0], run_name='__main__'); print('end')"
    )
    if "tensorflow" in calls[0][0].read_text():  # which imports Keras by itself
        code = code.replace(", 'keras': None", "")
    words = [word for call in calls for word in call]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split("end\n")[:-1]
    return [[[float(n) for n in re.findall(r"\d\.\d{6}", line)] for line in text.splitlines()] for text in printed]


@pytest.mark.parametrize("format", FORMATS)
def test_whole_models_and_streams_steps_and_their_examples(format: str, tmp_path: Path) -> None:
    """A step takes two new frames and a state, and gives the prediction of the last four frames and the next state."""
    need(format)
    file, model = saved(tmp_path / "whole", "cnn_rnn")
    export = export_model(file, format, tmp_path / "whole" / "out", labels=LABELS)
    assert export.max_difference < 1e-5 and export.file.exists()
    about = json.loads((tmp_path / "whole" / "out" / "export.json").read_text())
    assert about["parity"]["max_difference"] == export.max_difference and about["labels"] == list(LABELS)
    assert about["inputs"][0]["shape"][1:] == [4, 16, 16, 3]
    stepped_file, stepped = saved(tmp_path / "step", "conv3d")
    assert export_model(stepped_file, format, tmp_path / "step" / "out", stream=True, hop=2).max_difference < 1e-5

    video = np.random.default_rng(3).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "clip.npy", video[:4])
    np.save(tmp_path / "video.npy", video)
    of_clip, of_video = run_examples(
        (tmp_path / "whole" / "out" / "use_it.py", tmp_path / "clip.npy"),
        (tmp_path / "step" / "out" / "use_it.py", tmp_path / "video.npy"),
    )
    np.testing.assert_allclose(np.ravel(of_clip), model(video[None, :4], training=False)[0], atol=1e-5)
    expected = stepped(np.stack([video[at : at + 4] for at in (0, 2, 4)]), training=False)
    np.testing.assert_allclose(of_video, expected, atol=1e-5)


@pytest.mark.parametrize("framing", ["stretch", "letterbox"])
def test_the_example_predicts_videos_and_pictures_as_stillmotion_does(framing: Any, tmp_path: Path) -> None:
    need("onnx")
    file, _ = saved(tmp_path, "conv3d")
    card = describe_model(file, rate=8, framing=framing)
    export = export_model(file, "onnx", tmp_path / "out", card=card)
    video = write_video(tmp_path / "video.mp4", noise(11, 32, 48))  # 1.1 s: three windows of 0.5 s
    Image.fromarray(noise(1, 32, 48)[0]).save(tmp_path / "picture.png")
    sources = [video, tmp_path / "picture.png", export.folder / "sample.npy"]
    missing = subprocess.run(
        [sys.executable, str(export.folder / "use_it.py"), "nowhere.mp4"], capture_output=True, text=True, timeout=120
    )
    assert missing.returncode == 1
    assert missing.stderr.startswith("nowhere.mp4: no such file; give a video, a picture, or 0 for the first camera")
    printed = run_examples(*((export.folder / "use_it.py", source) for source in sources))
    model = sm.load_clip_model(file, card=card)
    clip = np.load(export.folder / "sample.npy")
    predictions = [one for one in sm.predict(model, [*sources[:2], clip]) if isinstance(one, sm.VideoPrediction)]
    assert [len(one.windows) for one in predictions] == [3, 1, 1]
    # Cropped and padded frames are resized after their colors are converted, not before.
    allowed = 1e-5 if framing == "stretch" else 2e-2
    for lines, prediction in zip(printed, predictions, strict=True):
        np.testing.assert_allclose(np.ravel(lines), prediction.probabilities, atol=allowed)


def test_predictions_are_compared_on_videos_and_it_is_said_how_much_they_vary(tmp_path: Path) -> None:
    need("saved_model")
    with whole_networks():
        file, model = saved(tmp_path, "frame_pool")
    videos = [write_video(tmp_path / f"{number}.mp4", noise(4, 16, 16, seed=number)) for number in range(3)]
    export = export_model(file, "saved_model", tmp_path / "out", videos=videos)
    assert (export.real_windows, export.windows) == (3, 11)
    assert export.is_telling and 0.01 < export.variation <= 1
    parity = json.loads((tmp_path / "out" / "export.json").read_text())["parity"]
    assert (parity["variation"], parity["real_windows"]) == (export.variation, 3)
    model.set_weights([weight * 0 for weight in model.get_weights()])
    model.save(file)
    write_card(describe_model(file, channels="rgb"), file.with_suffix(".json"))
    assert not export_model(file, "saved_model", tmp_path / "out").is_telling


def test_an_operation_that_litert_lacks_is_named(tmp_path: Path) -> None:
    need("litert")
    file, _ = saved(tmp_path, "conv3d", frames=10, preset="classic")
    with pytest.raises(StillmotionError, match="not exported: LiteRT alone has no MaxPool3D") as refused:
        export_model(file, "litert", tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_predicts_something_else_is_refused_with_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FORMATS["saved_model"]

    def load(file: Path) -> Any:
        run = plain.load(file)
        return lambda tensors: {name: tensor + 0.01 for name, tensor in run(tensors).items()}

    wrong = ExportFormat(plain.file, plain.write, load, plain.needs, plain.opening)
    monkeypatch.setattr(exporting, "check_format", lambda name: wrong)
    file, _ = saved(tmp_path, "frame_pool")
    for stream in (False, True):
        with pytest.raises(
            StillmotionError, match=r"in saved_model its predictions differ by 1\.0e-02; 1e-04 is allowed"
        ):
            export_model(file, "saved_model", tmp_path / "out", stream=stream)
    assert not (tmp_path / "out" / "model").exists()


def test_wrong_calls(tmp_path: Path) -> None:
    file, _ = saved(tmp_path, "frame_pool")
    for words, message in [
        ({"format": "pdf"}, "no format 'pdf': choose from onnx, openvino, saved_model, litert"),
        ({"format": "onnx", "stream": True, "hop": 5}, "hop is 5; expected 1 to 4"),
        ({"format": "onnx", "labels": ["a"]}, "1 label for a model of 3"),
    ]:
        with pytest.raises(UsageError, match=message):
            export_model(file, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ['x"""\n{}\n"""', "x'\n{}\n'", "{}"])
def test_nothing_of_a_foreign_model_is_run_by_the_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model's name and labels may end a string, and continue with code."""
    code = "open('it-ran', 'w')"
    # Not a real model, because TensorFlow refuses such names; other backends and later versions need not.
    model: Any = SimpleNamespace(
        name=name.format(code),
        input_shape=(None, 2, 16, 16, 3),
        inputs=[SimpleNamespace(shape=(None, 2, 16, 16, 3), dtype="float32")],
        predict_on_batch=lambda clips: np.full((len(clips), 2), 0.5),
    )
    labels = (code, name.format(code))
    file = tmp_path / "hostile.keras"
    target = ExportFormat(
        "model.bin",
        lambda program, file: file.touch(),
        lambda file: lambda tensors: {"probabilities": model.predict_on_batch(tensors["clip"])},
        needs="nothing",
        opening="HERE = Path(__file__).parent\nrun = lambda clip: {'probabilities': [[0.5, 0.5]]}\n",
    )
    monkeypatch.setattr(exporting, "check_format", lambda format: target)
    card = ModelCard(model=name.format(code), kind="clip", inputs=(), labels=Fact(value=labels, source="given"))
    monkeypatch.setattr(exporting, "open_model", lambda *_, **__: DescribedModel(model, card, file))
    monkeypatch.setattr(exporting, "check_complete", lambda _: None)
    monkeypatch.setattr(exporting, "adapt", lambda model, *_, **__: model)
    export_model(file, "onnx", tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "use_it.py"], cwd=tmp_path / "out", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert code in done.stdout
    assert not (tmp_path / "out" / "it-ran").exists()
    assert code not in (tmp_path / "out" / "use_it.py").read_text()
    assert json.loads((tmp_path / "out" / "export.json").read_text())["model"] == name.format(code)
