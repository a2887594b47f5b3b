"""What a page is made from: a comparison, and the example videos if their files are still there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stillmotion.comparison import ANSWER_TITLES, Comparison, ModelResult, kind_of, read_comparison
from stillmotion.data import Video
from stillmotion.data.media import as_frame_folder, is_media
from stillmotion.errors import UnreadableVideoError
from stillmotion.models import caption

# The style sheet has a color, a mark and a dash pattern for each of these.
STYLES = {
    "still": ("still", "still-2"),
    "motion": ("motion", "motion-2", "motion-3", "motion-4"),
}
# These families and rungs look the same on every page.
FAMILY_STYLES = {
    "frame_pool": "still",
    "conv3d": "motion",
    "cnn_rnn": "motion-2",
    "one frame": "still-2",
    "several frames": "still",
    "changes": "motion-4",
    "order": "motion-2",
    "dense motion": "motion",
}


@dataclass(frozen=True, eq=False)
class Record:
    """A comparison to show.

    Attributes:
        comparison: all figures of the page.
        name: name of the data set, for the page's title.
        trusted: whether any file that an example video names is opened. A table may list videos outside of its
            folder. But a comparison.json may come from somebody else and name a file that is private.
        pictures: whether the page shows frames of the example videos.
    """

    comparison: Comparison
    name: str = ""
    trusted: bool = False
    pictures: bool = True

    def file(self, video: Video) -> Path:
        """The path of a video's file.

        Links inside the data folder are followed, since data sets are often made of links.

        Args:
            video: an example video.

        Returns:
            The path of a video that exists.

        Raises:
            UnreadableVideoError: the file does not exist or, in a record that is not trusted, is outside of the data
                folder or does not have the name of a video.
        """
        root = self.comparison.data.root
        file = Path(os.path.normpath(Path(root, video.path)))
        inside = bool(root) and file.is_relative_to(os.path.normpath(root))
        if not (self.trusted or (inside and (is_media(file) or as_frame_folder(file)))):
            raise UnreadableVideoError(f"{video.path}: not a video in the data folder")
        if not file.is_file() and not as_frame_folder(file):
            raise UnreadableVideoError(f"{video.path}: the video is no longer there")
        return file

    def without_root(self, text: str) -> str:
        """A name or a message with paths relative to the data set, which say nothing of the machine.

        Args:
            text: names files of the data set by absolute paths, or not.
        """
        root = self.comparison.data.root
        return text.replace(root.rstrip("/\\") + os.sep, "") if root.strip("/\\") else text

    @property
    def missing_examples(self) -> int:
        """The number of example videos that cannot be shown, because their files are not in the data folder."""
        return sum(not self._has_file(example.video) for example in self.comparison.examples)

    def _has_file(self, video: Video) -> bool:
        try:
            return bool(self.file(video))
        except UnreadableVideoError:
            return False

    @property
    def models(self) -> list[str]:
        """The models' names: the rungs of a ladder from the bottom up; else still models first, then by accuracy."""
        results = self.comparison.models
        if self.comparison.ladder is not None:
            return list(self.comparison.ladder.rungs)
        return sorted(results, key=lambda name: (results[name].kind != "still", -results[name].accuracy.value))

    @property
    def results(self) -> dict[str, ModelResult]:
        """The models' results in the order of `models`."""
        return {name: self.comparison.models[name] for name in self.models}

    @property
    def title(self) -> str:
        """The answer in a few words; that nothing beats guessing comes before it."""
        if self.comparison.beats_guessing and not any(self.comparison.beats_guessing.values()):
            return "Nothing beats guessing"
        return ANSWER_TITLES[self.comparison.verdict.answer] if self.comparison.verdict else "No verdict"

    def sees(self, name: str) -> str:
        """What a model sees, in plain words, and whether it only guesses.

        Args:
            name: of the model.

        Returns:
            Such as "frames in order"; "a motion model" of one that was trained elsewhere.
        """
        result = self.comparison.models[name]
        words = caption(name) or caption(result.family or "") or f"a {result.kind} model"
        guesses = not self.comparison.beats_guessing.get(name, True)
        return f"{words}; may only guess" if guesses else words

    @property
    def warned_of(self) -> frozenset[str]:
        """The codes of the verdict's warnings."""
        verdict = self.comparison.verdict
        return frozenset(warning.code for warning in verdict.warnings) if verdict else frozenset()

    @property
    def test_is_new(self) -> bool | None:
        """Whether no model has learned from recordings of the test; None if that is not known."""
        verdict = self.comparison.verdict
        if verdict and (verdict.leaked_groups or "test_not_held_out" in self.warned_of):
            return False
        return None if verdict is None or "training_unknown" in self.warned_of else True

    @property
    def pair(self) -> tuple[str, str] | None:
        """The still and the motion family that the verdict compares; None without a verdict."""
        verdict = self.comparison.verdict
        return (verdict.still, verdict.motion) if verdict else None

    def style(self, family: str) -> str:
        """CSS variables with a family's color, mark and dash pattern, which are the same wherever it is shown."""
        name = self._style_name(family)
        return f"--c: var(--{name}); --m: var(--{name}-mark); --d: var(--{name}-dash)"

    def _style_name(self, family: str) -> str:
        if family in FAMILY_STYLES:
            return FAMILY_STYLES[family]
        models = self.comparison.models
        kind = models[family].kind if family in models else kind_of(family)
        others = [name for name in models if name not in FAMILY_STYLES and models[name].kind == kind]
        free = [style for style in STYLES[kind] if style not in FAMILY_STYLES.values()] or STYLES[kind]
        return free[others.index(family) % len(free)] if family in others else free[0]


def read_record(folder: Path) -> Record:
    """Read a comparison's folder.

    Args:
        folder: the folder that holds comparison.json.

    Returns:
        The comparison, with the name of its data set.

    Raises:
        StillmotionError: the folder has no comparison.json, or it is invalid.
    """
    comparison = read_comparison(folder)
    return Record(comparison, Path(comparison.data.root or folder.resolve()).name)
