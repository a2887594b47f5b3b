"""HDR and wide gamut: code values of HLG, PQ or BT.2020 that a reader takes for SDR, and tone mapping, the cure.

Telephones record HLG in BT.2020 and save SDR pictures of the same scene. OpenCV, PyAV and Keras read the code values as
they are, which look dark and pale. Which transfer function and gamut a video has, its header says. There is no single
standard for tone mapping, so each usual curve is tried (ITU-R BT.2100 and BT.2408; Hable 2010 and Reinhard 2002 as in
FFmpeg).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import PictureFault, to_levels
from stillmotion.audit.resampling import Picture
from stillmotion.decoding import VideoFacts
from stillmotion.errors import UsageError

# Transfer function, gamut, curve, reference white in cd/m2. The curve CODED means the reverse: SDR pictures as code
# values of that kind.
Toning = tuple[str, str, str, float]
NORMAL: Toning = ("SDR", "BT.709", "", 0.0)
CODED = "coded"
CURVES = ("scene", "clip", "Hable", "Reinhard")
WHITE = 203.0  # reference white (BT.2408), cd/m2
_WHITES = (WHITE, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 120.0, 140.0, 170.0, 250.0, 300.0, 400.0)

_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_PQ_M1, _PQ_M2, _PQ_C1, _PQ_C2, _PQ_C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
_LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020
_HLG_WHITE, _PEAK = 0.265, 1000.0  # reference white in scene light (code value 75 %); the brightest display, cd/m2
_GAMMA = 2.2  # of SDR pictures
_TO_BT709 = {
    "BT.2020": np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
    "P3": np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]),
    "BT.709": np.eye(3),
}


def tone_map(
    picture: NDArray[np.uint8] | Picture,
    *,
    transfer: str = "HLG",
    gamut: str = "BT.2020",
    curve: str = "scene",
    white: float = WHITE,
) -> Picture:
    """Turn RGB code values of an HDR or wide-gamut video into SDR levels of BT.709.

    Args:
        picture: RGB code values, 0 to 255, `(..., 3)`, as a decoder gives them without color management.
        transfer: "HLG", "PQ" or "SDR".
        gamut: "BT.2020", "P3" or "BT.709".
        curve: what happens above reference white: "clip" cuts it off, as "scene" does, without HLG's system gamma;
            "Hable" and "Reinhard" compress all levels.
        white: the brightness that becomes SDR's white, in cd/m2.

    Returns:
        float32 levels of 0 to 255, of the same shape.

    Raises:
        UsageError: an unknown transfer function, gamut or curve.

    Examples:
        >>> picture = np.full((4, 4, 3), 128, np.uint8)  # as a decoder gives an HDR frame
        >>> sm.tone_map(picture, transfer="HLG").shape
        (4, 4, 3)
    """
    for name, value, known in (
        ("transfer", transfer, ("HLG", "PQ", "SDR")),
        ("gamut", gamut, tuple(_TO_BT709)),
        ("curve", curve, CURVES),
    ):
        if value not in known:
            raise UsageError(f"{name} {value!r}: expected one of {', '.join(known)}")
    code = np.asarray(picture, np.float64) / 255
    light, peak = _to_light(code, transfer, curve, white)
    light = np.maximum(light @ _TO_BT709[gamut].T, 0)
    if curve == "Hable":
        light = _hable(light) / _hable(np.array(peak))
    elif curve == "Reinhard":
        light = light / (light + 0.5) * (peak + 0.5) / peak
    return to_levels(255 * np.clip(light, 0, 1) ** (1 / _GAMMA))


def usual_tonings(facts: VideoFacts) -> tuple[Toning, ...]:
    """The ways in which a video of this kind is brought to SDR; none for an SDR video."""
    if facts.transfer == "SDR":
        return () if facts.gamut == "BT.709" else (("SDR", facts.gamut, "clip", WHITE),)
    curves = CURVES if facts.transfer == "HLG" else CURVES[1:]
    return tuple((facts.transfer, facts.gamut, curve, white) for curve in curves for white in _WHITES)


def _to_light(code: NDArray[np.float64], transfer: str, curve: str, white: float) -> tuple[NDArray[np.float64], float]:
    """Linear light, where 1 is reference white, and its peak."""
    if transfer == "HLG":
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((np.maximum(code, 0.5) - _HLG_C) / _HLG_A) + _HLG_B) / 12)
        if curve == "scene":
            scene = scene * WHITE / white
            return scene / _HLG_WHITE, 1 / _HLG_WHITE
        luminance = np.maximum(scene @ _LUMA, 1e-9)[..., None]
        return scene * luminance**0.2 * (_PEAK / white), _PEAK / white
    if transfer == "PQ":
        power = np.maximum(code, 0) ** (1 / _PQ_M2)
        light = (np.maximum(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power)) ** (1 / _PQ_M1)
        return light * (10_000 / white), _PEAK / white
    return code**_GAMMA, 1.0


def _hable(light: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    curved: NDArray[np.float64] = (light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f
    return curved


def _code(picture: Picture, transfer: str, gamut: str) -> Picture:
    """SDR levels as the code values that such a video holds: the reverse of the curves "scene" and "clip"."""
    light = (np.asarray(picture, np.float64) / 255) ** _GAMMA @ np.linalg.inv(_TO_BT709[gamut]).T
    if transfer == "HLG":
        scene = light * _HLG_WHITE
        above = _HLG_A * np.log(np.maximum(12 * scene - _HLG_B, 1e-9)) + _HLG_C
        code = np.where(scene <= 1 / 12, np.sqrt(3 * scene), above)
    elif transfer == "PQ":
        power = (light * (WHITE / 10_000)) ** _PQ_M1
        code = ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2
    else:
        code = light ** (1 / _GAMMA)
    return to_levels(255 * code)


def _apply(picture: Picture, toning: Toning) -> Picture:
    transfer, gamut, curve, white = toning
    if toning == NORMAL:
        return picture
    if curve == CODED:
        return _code(picture, transfer, gamut)
    return tone_map(picture, transfer=transfer, gamut=gamut, curve=curve, white=white)


def _kind(toning: Toning) -> str:
    transfer, gamut, *_ = toning
    return gamut if transfer == "SDR" else f"{transfer} in {gamut}"


def _label(toning: Toning) -> str:
    if toning == NORMAL:
        return "code values as they are"
    return (
        f"{_kind(toning)} shown as SDR"
        if toning[2] == CODED
        else f"tone-mapped from {_kind(toning)} ({_curve(toning)})"
    )


def _curve(toning: Toning) -> str:
    return toning[2] if toning[3] == WHITE else f"{toning[2]}, white at {toning[3]:.0f} cd/m2"


def _describe(toning: Toning) -> str:
    if toning == NORMAL:
        return "are its code values as they are"
    if toning[2] == CODED:
        return f"are code values of {_kind(toning)} as they are"
    return f"are tone-mapped from {_kind(toning)} to SDR (curve: {_curve(toning)})"


def _fix(video: Toning, snapshots: Toning) -> str:
    if snapshots in (NORMAL, video):
        return "save snapshots without tone mapping, from the frames that the model gets; or train on such frames"
    transfer, gamut, curve, white = snapshots
    options = f'transfer="{transfer}", gamut="{gamut}", curve="{curve}"' + (
        f", white={white:g}" if white != WHITE else ""
    )
    return (
        f"frame = sm.tone_map(frame, {options})  # RGB, before resizing; or convert the videos to SDR by FFmpeg's "
        "filters zscale and tonemap"
    )


DYNAMIC_RANGE: PictureFault[Toning] = PictureFault(
    id="dynamic_range",
    name="HDR or wide gamut",
    normal=NORMAL,
    strengths=tuple((transfer, "BT.2020", CODED, WHITE) for transfer in ("SDR", "HLG", "PQ")),
    apply=_apply,
    label=_label,
    describe=_describe,
    fix=_fix,
)
