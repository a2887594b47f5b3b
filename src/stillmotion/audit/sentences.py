"""What was found, in sentences: made here, once, from codes and numbers, for the command, the page and audit.json."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.audit.causes import MIN_SHARE, AttributedCause
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.input_range import RangeEvidence
from stillmotion.audit.records import Cause, Check, FrozenClip, Noise

MAX_CAUSES = 5  # that the summary names
MIN_UNEXPLAINED = 0.005  # a smaller share is not mentioned
NO_KNOWN_FAULT = "the pictures differ in a way that no known fault explains"


def percent(share: float) -> str:
    """0.931 -> 93 %; one more digit below 1 %."""
    return f"{100 * share:.0f} %" if abs(share) >= 0.0095 or share == 0 else f"{100 * share:.1f} %"


def describe_range(evidence: RangeEvidence) -> str:
    """How a model's range is known."""
    if evidence.source == "given":
        return "given, or written in run.json"
    if evidence.source == "rescaling":
        what = f"scales by 1/{evidence.value:.4g}" if evidence.input_range == "0..255" else "maps 0..1 to -1..1"
        return f"its layer {evidence.name} {what}"
    if evidence.source == "normalization":
        return f"its layer {evidence.name} subtracts up to {evidence.value:.3g}"
    if evidence.source == "batch_normalization":
        return (
            f"the statistics of its BatchNormalization fit {evidence.input_range} best ({evidence.value:.2f} standard "
            f"deviations off; {evidence.runner_up}: {evidence.runner_up_value:.2f})"
        )
    if evidence.source == "labeled_snapshots":
        return f"labeled snapshots are predicted best with it ({percent(evidence.value)} correct)"
    unknown = "nothing in the model says which range it expects"
    if evidence.source == "frame_reader":
        return f"{unknown}; {evidence.input_range} is what {evidence.name} yields"
    return f"{unknown}; {evidence.input_range} is assumed"


def describe_cause(cause: AttributedCause, comparison: PathComparison, has_reader: bool) -> Cause:
    """A cause as audit.json holds it."""
    count = len(comparison.compared)
    if cause.fault is None:
        left = float(np.mean([compared.unexplained_levels for compared in comparison.compared]))
        frames = "your reader's frames" if has_reader else "the video's frames"
        name, fix, summary = "unexplained", "look at the difference pictures in audit.html", ""
        evidence = f"after all that was recognized, {frames} and the snapshots still differ by {left:.1f} levels"
    else:
        name, fix = cause.fault.name, cause.fault.fix(cause.video_setting, cause.snapshot_setting)
        summary = _both_labels(cause, has_reader)
        evidence = _both_settings(cause, has_reader)
        if cause.count:
            evidence += f" ({cause.count} of {count} snapshots)"
    return Cause(cause.id, name, cause.share, cause.low, cause.high, cause.flips, evidence, fix, summary)


def summarize(
    comparison: PathComparison | None,
    causes: Sequence[AttributedCause],
    noise: Noise,
    checks: Sequence[Check],
    unexplained: float,
    frozen_clips: Sequence[FrozenClip],
    has_reader: bool,
) -> str:
    """The audit's result in a few sentences."""
    sentences = _about_checks(checks)
    if comparison is None:
        sentences.append("No snapshots and no frame reader were given, so there is nothing to compare the videos with.")
    else:
        sentences += _about_predictions(comparison)
        if comparison.compared:
            sentences += _about_causes(comparison, causes, noise, unexplained, has_reader)
    return " ".join(sentences + _about_frozen_clips(frozen_clips))


def _about_checks(checks: Sequence[Check]) -> list[str]:
    failed = [check.name for check in checks if not check.passed]
    if not failed:
        return []
    count = "One check of the model fails" if len(failed) == 1 else f"{len(failed)} checks of the model fail"
    return [f"{count}: {'; '.join(failed)}."]


def _about_predictions(comparison: PathComparison) -> list[str]:
    """How many snapshots match, and how many of these get another label."""
    is_frames = all(entry.snapshot.is_frame for entry in comparison.matched)
    things = "frames" if is_frames else "snapshots"
    unmatched = sum(entry.match is None for entry in comparison.matched)
    sentences = (
        [f"{unmatched} of {len(comparison.matched)} {things} match no frame of the videos."] if unmatched else []
    )
    matched = len(comparison.compared)
    if not matched:
        return sentences
    flips = sum(attribution.flipped for attribution in comparison.attributions)
    if flips:
        reference = "with your frame reader" if is_frames else "than their frame"
        sentences.append(
            f"{flips} of {matched} {things} {'gets' if flips == 1 else 'get'} a different label {reference}."
        )
    else:
        reference = "with your frame reader" if is_frames else "as their frame"
        sentences.append(f"All {matched} {things} get the same label {reference}.")
    return sentences


def _about_causes(
    comparison: PathComparison, causes: Sequence[AttributedCause], noise: Noise, unexplained: float, has_reader: bool
) -> list[str]:
    """How much probabilities differ, and why."""
    change = sum(attribution.total for attribution in comparison.attributions) / len(comparison.compared)
    if not causes:
        within = change <= noise.floor
        why = "which is within the noise floor: the two paths agree" if within else "but no cause exceeds the noise"
        return [f"Probabilities differ by {percent(change)} on average, {why}."]
    sentences = []
    if not any(attribution.flipped for attribution in comparison.attributions):
        sentences.append(f"Their probabilities differ by {percent(change)} on average.")
    known = [cause for cause in causes if cause.fault is not None]
    effective = [cause for cause in known if cause.share >= MIN_SHARE]
    for number, cause in enumerate(effective[:MAX_CAUSES]):
        name = cause.fault.name if cause.fault else ""
        if number == 0:
            evidence = _both_settings(cause, has_reader)
            sentences.append(f"{percent(cause.share)} of the change comes from {name}: {evidence}.")
        else:
            sentences.append(f"{percent(cause.share)} comes from {name} ({_both_labels(cause, has_reader)}).")
    ineffective = [
        f"{cause.fault.name} ({_both_labels(cause, has_reader)})"
        for cause in known
        if cause.fault and cause.share < MIN_SHARE
    ]
    if ineffective:
        sentences.append(f"Also different, but without effect on these predictions: {', '.join(ineffective)}.")
    if unexplained >= MIN_UNEXPLAINED:
        why = ", which is within the noise floor" if unexplained * change <= noise.floor else ""
        why = why or ("" if known else f": {NO_KNOWN_FAULT}")
        sentences.append(f"{percent(unexplained)} is unexplained{why}.")
    return sentences


def _about_frozen_clips(frozen_clips: Sequence[FrozenClip]) -> list[str]:
    count = len(frozen_clips)
    if not count:
        return []
    changed = sum(row.frozen != row.clip for row in frozen_clips)
    by_motion = percent(sum(row.frozen_to_clip for row in frozen_clips) / count)
    by_frame = percent(sum(row.frozen_to_others for row in frozen_clips) / count)
    return [
        f"The full clip gets a different label than the clip frozen to one frame in {changed} of {count} cases: motion "
        f"changes probabilities by {by_motion}, freezing another frame by {by_frame}."
    ]


def _both_settings(cause: AttributedCause, has_reader: bool) -> str:
    """How both paths are set, as a clause."""
    assert cause.fault is not None
    frames = "your reader's frames" if has_reader else "the video's frames"
    if not cause.count:  # recognized by the unexplained rest, not by a setting
        return f"the difference between your snapshots and {frames} looks like {cause.fault.name}"
    video, snapshot = cause.fault.describe(cause.video_setting), cause.fault.describe(cause.snapshot_setting)
    return f"your snapshots {snapshot}, but {frames} {video}"


def _both_labels(cause: AttributedCause, has_reader: bool) -> str:
    """How both paths are set, in a few words."""
    assert cause.fault is not None
    if not cause.count:
        return "recognized by the difference that is left"
    video, snapshot = cause.fault.label(cause.video_setting), cause.fault.label(cause.snapshot_setting)
    return f"{'reader' if has_reader else 'video'}: {video}; snapshots: {snapshot}"
