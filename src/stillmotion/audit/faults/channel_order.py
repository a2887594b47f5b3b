"""RGB or BGR: OpenCV reads BGR, everything else RGB."""

from __future__ import annotations

from stillmotion.audit.faults.fault import PictureFault
from stillmotion.audit.resampling import Picture


def _apply(picture: Picture, order: str) -> Picture:
    return picture[..., ::-1] if order == "BGR" else picture


def _fix(video: str, snapshots: str) -> str:
    if video == "BGR":
        return "frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)"
    return "frame = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)  # or save and train on RGB: cv2.imwrite expects BGR"


CHANNEL_ORDER: PictureFault[str] = PictureFault(
    id="channel_order",
    name="channel order",
    normal="RGB",
    strengths=("BGR",),
    apply=_apply,
    label=str,
    describe=lambda order: f"are {order}",
    fix=_fix,
)
