"""Note how frames of another aspect ratio get the model's size, where there are any and nobody has said how."""

from __future__ import annotations

import logging

from stillmotion.decoding import have_same_aspect
from stillmotion.prediction.describing import DescribedModel

log = logging.getLogger(__name__)

_DONE = {"stretch": "stretched", "crop": "cropped", "letterbox": "letterboxed"}


class FramingNote:
    """Logs it once, for the first video of another aspect ratio.

    Args:
        described: the model and its card; None, or a run, of which there is nothing to note.
    """

    def __init__(self, described: DescribedModel | None) -> None:
        foreign = described is not None and described.run is None and described.card.framing.source != "given"
        self._card = described.card if described is not None and foreign else None

    def see(self, name: str, height: int, width: int) -> None:
        """Look at a video before it is predicted.

        Args:
            name: what it is called in the note.
            height: of its frames as shown, in pixels.
            width: likewise.
        """
        if self._card is None or have_same_aspect((height, width), self._card.size):
            return
        framing = self._card.framing
        why = "as the model is assumed to have been trained" if framing.source == "assumed" else framing.evidence
        log.info(
            "%s: its aspect ratio is not the model's; frames are %s (%s)",
            name,
            _DONE[framing.value or "stretch"],
            why,
            extra={"parameter": "framing"},
        )
        self._card = None
