"""RGB or BGR: OpenCV reads BGR, everything else RGB."""

from __future__ import annotations

from stillmotion.audit.faults.fault import Fault, Size
from stillmotion.audit.resampling import Picture


def _apply(picture: Picture, setting: str, size: Size) -> Picture:
    return picture[..., ::-1] if setting == "BGR" else picture


def _cure(video: str, snapshots: str) -> str:
    if video == "BGR":
        return "frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)"
    return "frame = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)  # or save and train on RGB: cv2.imwrite expects BGR"


CHANNEL_ORDER = Fault(
    name="channel order",
    stage="picture",
    normal="RGB",
    strengths=("BGR",),
    candidates=("BGR",),
    apply=_apply,
    words=lambda setting: f"are {setting}",
    cure=_cure,
    yields=str,
)
