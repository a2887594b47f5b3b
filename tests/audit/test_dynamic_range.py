"""HDR and wide gamut: read from the header, named as the cause, and cured by tone mapping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import stillmotion as sm
from helpers.media import write_lossy_video
from helpers.pipeline import SIDE, color_model, moving_discs
from stillmotion.audit import Audit, audit_model
from stillmotion.audit.faults.dynamic_range import CODED, CURVES, DYNAMIC_RANGE, NORMAL
from stillmotion.decoding import probe
from stillmotion.errors import UsageError

CODES = {"HLG": 18, "PQ": 16}
# BT.2087: linear BT.709 to linear BT.2020.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def to_hdr(pictures: Any, transfer: str) -> Any:
    """SDR pictures as a camera records them in HDR, from BT.2100's formulas: SDR's white is reference white."""
    light = (pictures / 255.0) ** 2.2 @ TO_BT2020.T
    if transfer == "HLG":
        scene = light * 0.265
        log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)
    power = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def write_hdr_video(path: Path, pictures: Any, transfer: str) -> Path:
    """As telephones do: 10 bits, BT.2020, and the transfer function in the header."""
    options = {"crf": "6", "preset": "ultrafast", "x265-params": "log-level=none"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=10, options=options)
        (stream.height, stream.width), stream.pix_fmt = pictures.shape[1:3], "yuv420p10le"
        context: Any = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, CODES[transfer], 9
        for number, picture in enumerate((to_hdr(pictures, transfer) * 65535).round().astype(np.uint16)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb48le").reformat(
                format="yuv420p10le", dst_colorspace=9
            )
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_tone_mapped(path: Path) -> Iterator[Any]:
    """A frame reader that does what the fix says."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture: Any = frame.to_ndarray(format="rgb24")
            levels = sm.tone_map(picture, transfer=probe(path).transfer)
            yield np.asarray(Image.fromarray(levels.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BOX))


def audit_hdr(folder: Path, transfer: str, **options: Any) -> Audit:
    """Two HDR videos, and SDR snapshots of the same scenes."""
    (folder / "s").mkdir()
    videos = []
    for seed in range(2):
        pictures = moving_discs(seed)[:12]
        videos.append(write_hdr_video(folder / f"{seed}.mov", pictures, transfer))
        for index in (3, 9):
            Image.fromarray(pictures[index]).save(folder / "s" / f"{seed}-{index}.png")
    color_model().save(folder / "model.keras")
    return audit_model(folder / "model.keras", videos, snapshots=folder / "s", sensitivity=False, **options)


@pytest.mark.backend
@pytest.mark.parametrize("transfer", CODES)
def test_hdr_is_named_and_tone_mapping_alone_cures_it(tmp_path: Path, transfer: str) -> None:
    result = audit_hdr(tmp_path, transfer)
    cause = result.causes[0]
    assert (cause.cause, cause.alternatives) == ("dynamic_range", ())
    assert cause.share > 0.8
    assert cause.left is not None
    assert cause.left < 0.3 * result.change
    assert f'frame = sm.tone_map(frame, transfer="{transfer}", gamut="BT.2020"' in cause.fix
    assert f"2 of 2 videos are HDR or of wide gamut ({transfer} in BT.2020)" in result.notes[0]


@pytest.mark.backend
def test_a_reader_that_applies_the_fix_agrees_with_the_snapshots(tmp_path: Path) -> None:
    result = audit_hdr(tmp_path, "HLG", frame_reader=read_tone_mapped)
    assert "dynamic_range" not in [cause.cause for cause in result.causes if abs(cause.share) > 0.05]
    assert result.change < 0.05


def test_the_header_says_which_transfer_function_and_gamut_a_video_has(tmp_path: Path) -> None:
    hdr = probe(write_hdr_video(tmp_path / "hdr.mov", moving_discs(0)[:2], "HLG"))
    assert (hdr.transfer, hdr.gamut) == ("HLG", "BT.2020")
    sdr = probe(write_lossy_video(tmp_path / "sdr.mp4", moving_discs(0)[:2]))
    assert (sdr.transfer, sdr.gamut) == ("SDR", "BT.709")


@pytest.mark.parametrize("transfer", CODES)
def test_tone_mapping_restores_the_levels_of_sdr(transfer: str) -> None:
    levels = np.linspace(8, 255, 50).round()
    pictures: Any = np.stack([levels, levels[::-1], np.roll(levels, 9)], axis=-1)
    code: Any = 255 * to_hdr(pictures, transfer)
    curve = "scene" if transfer == "HLG" else "clip"
    assert np.abs(sm.tone_map(code, transfer=transfer, curve=curve) - pictures).max() <= 1
    assert np.abs(DYNAMIC_RANGE.apply(pictures, (transfer, "BT.2020", CODED, 203.0)) - code).max() <= 1
    assert DYNAMIC_RANGE.apply(pictures, NORMAL) is pictures


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("transfer", ["HLG", "PQ", "SDR"])
def test_every_curve_is_monotonic_and_keeps_black(transfer: str, curve: str) -> None:
    gray = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    levels = sm.tone_map(gray, transfer=transfer, curve=curve)
    assert levels.dtype == np.float32
    assert levels[0].max() == 0
    assert levels[-1].min() >= 250
    assert (np.diff(levels, axis=0) >= 0).all()


def test_an_unknown_curve_is_refused() -> None:
    with pytest.raises(UsageError, match="curve 'filmic': expected one of scene, clip, Hable, Reinhard"):
        sm.tone_map(np.zeros((2, 2, 3), np.uint8), curve="filmic")
