"""All that a page is made of: comparison.json, and the test videos as far as they are still there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillmotion.comparison import COMPARISON_FILE, Comparison, FamilyResult, compare_runs, kind_of, read_comparison
from stillmotion.data import Video

LOOKS = {
    "still": ("still", "still-2"),
    "motion": ("motion", "motion-2", "motion-3", "motion-4"),
}
FIXED = {"frame_pool": "still", "conv3d": "motion", "cnn_rnn": "motion-2"}  # a family, a look, on every page


@dataclass(frozen=True, eq=False)
class Record:
    """A comparison and the name of its data set."""

    comparison: Comparison
    name: str = ""

    def file(self, video: Video) -> Path:
        """Where a video lay."""
        return Path(self.comparison.data.root or ".") / video.path

    @property
    def gone(self) -> int:
        """How many of the videos to look at are no longer where they were."""
        return sum(not self.file(one.video).is_file() for one in self.comparison.examples)

    @property
    def families(self) -> list[str]:
        """Still families first, then by accuracy."""
        results = self.comparison.families
        return sorted(results, key=lambda name: (results[name].kind != "still", -results[name].accuracy.value))

    @property
    def results(self) -> dict[str, FamilyResult]:
        """The families' results in the order of `families`."""
        return {name: self.comparison.families[name] for name in self.families}

    @property
    def guessing(self) -> float | None:
        """The accuracy of always predicting the test videos' most frequent label."""
        for family in self.comparison.families.values():
            videos = [label.videos for label in family.per_label.values()]
            if sum(videos):
                return max(videos) / sum(videos)
        return None

    @property
    def pair(self) -> tuple[str, str] | None:
        """The still and the motion family that the verdict compares."""
        verdict = self.comparison.verdict
        return (verdict.still, verdict.motion) if verdict else None

    def look(self, family: str) -> str:
        """Its colour, mark and kind of line, as the style sheet names them: the same wherever a family is shown."""
        name = self._look(family)
        return f"--c: var(--{name}); --m: var(--{name}-mark); --d: var(--{name}-dash)"

    def _look(self, family: str) -> str:
        if family in FIXED:
            return FIXED[family]
        kind = self.comparison.families[family].kind if family in self.comparison.families else kind_of(family)
        families = self.comparison.families
        others = [name for name in families if name not in FIXED and families[name].kind == kind]
        free = [look for look in LOOKS[kind] if look not in FIXED.values()]
        return free[others.index(family) % len(free)] if family in others else free[0]


def read_record(folder: Path) -> Record:
    """Read a comparison's folder, or a single run's.

    Raises:
        StillmotionError: neither a comparison nor a run.
    """
    single_run = not (folder / COMPARISON_FILE).exists() and (folder / "run.json").exists()
    comparison = compare_runs([folder]) if single_run else read_comparison(folder)
    return Record(comparison, Path(comparison.data.root or folder.resolve()).name)
