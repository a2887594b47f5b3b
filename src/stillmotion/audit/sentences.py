"""What was found, in sentences: made here, once, from codes and numbers, for the command, the page and audit.json."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.audit.causes import MIN_SHARE, AttributedCause
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.faults import CHANNEL_ORDER, SCALING
from stillmotion.audit.input_range import RangeEvidence
from stillmotion.audit.label_fit import LABEL_ORDER, MIN_PROBABILITY, LabelFault, LabelFit
from stillmotion.audit.records import Cause, Check, FrozenClip, Noise, Preprocessing
from stillmotion.prediction.records import given_labels

MAX_CAUSES = 5  # that the summary names
MAX_LABELS = 12  # in a summary
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
        if cause.alternatives:
            evidence += f"; it may also be {_alternatives(cause)}: these pictures do not tell which"
            fix += "".join(
                f"; or, against {fault.name}: {fault.fix(fault.normal, setting)}"
                for fault, setting in cause.alternatives
            )
    if cause.fault is not None and count:
        change = float(np.mean([attribution.total for attribution in comparison.attributions]))
        evidence += f"; fixing only this leaves a change of {percent(cause.left)} of {percent(change)}"
    return Cause(
        cause=cause.id,
        name=name,
        share=cause.share,
        low=cause.low,
        high=cause.high,
        flips=cause.flips,
        evidence=evidence,
        fix=fix,
        summary=summary,
        left=cause.left,
        alternatives=tuple(fault.id for fault, _ in cause.alternatives),
    )


def describe_label_fault(fault: LabelFault) -> Cause:
    """A cause of wrong labels as audit.json holds it."""
    causes = [_cause_of_way(way, fault.as_fed) for way in fault.ways]
    others = "".join(
        f"; these snapshots do not tell that from the case that {_how(way, fault.as_fed)} "
        f"({percent(way.accuracy)} get their label)"
        for way in fault.ways[1:]
    )
    best = fault.ways[0]
    return Cause(
        cause=causes[0][0],
        name=causes[0][1],
        share=fault.share,
        low=fault.low,
        high=fault.high,
        flips=fault.share,
        evidence=f"{percent(best.accuracy)} of {fault.count} labeled snapshots get their label if "
        f"{_how(best, fault.as_fed)}, but only {percent(fault.as_fed.accuracy)} as it is{others}",
        fix="; or ".join(_fix_of_way(way, fault.as_fed) for way in fault.ways),
        explains="wrong labels",
        alternatives=tuple(dict.fromkeys(cause for cause, _ in causes[1:] if cause != causes[0][0])),
    )


def summarize(
    comparison: PathComparison | None,
    label_fault: LabelFault | None,
    causes: Sequence[AttributedCause],
    noise: Noise,
    checks: Sequence[Check],
    unexplained: float,
    frozen_clips: Sequence[FrozenClip],
    preprocessing: Sequence[Preprocessing],
    labels: Sequence[str],
    has_reader: bool,
) -> str:
    """The audit's result in a few sentences."""
    sentences = _about_checks(checks)
    if label_fault is not None:
        sentences += _about_labels(label_fault)
    if comparison is None:
        sentences.append("No snapshots and no frame reader were given, so there is nothing to compare the videos with.")
    else:
        sentences += _about_predictions(comparison, labels)
        if comparison.compared:
            sentences += _about_causes(comparison, causes, noise, unexplained, has_reader)
    return " ".join(sentences + _about_frozen_clips(frozen_clips) + _about_preprocessing(preprocessing, labels))


def _about_checks(checks: Sequence[Check]) -> list[str]:
    failed = [check.name for check in checks if not check.passed]
    if not failed:
        return []
    count = "One check of the model fails" if len(failed) == 1 else f"{len(failed)} checks of the model fail"
    return [f"{count}: {'; '.join(failed)}."]


def _about_labels(fault: LabelFault) -> list[str]:
    """What would give labeled snapshots their labels, and what cannot be told from it."""
    best, as_fed = fault.ways[0], fault.as_fed
    fits = "fit perfectly" if best.accuracy == 1 else f"fit {percent(best.accuracy)} of the time"
    how = f"in this order: {_order(best.labels, as_fed.labels)}" if not best.refed else f"if {_how(best, as_fed)}"
    sentences = [
        f"Your labels {fits} {how}. As it is, {percent(as_fed.accuracy)} of {fault.count} labeled snapshots get their "
        "label."
    ]
    if len(fault.ways) > 1:
        others = ", or that ".join(_how(way, as_fed) for way in fault.ways[1:])
        sentences.append(f"It may also be that {others}: these snapshots do not tell which.")
    return sentences


def _how(way: LabelFit, as_fed: LabelFit) -> str:
    """What is done another way, as a clause after "if"."""
    parts = []
    if way.reordered:
        parts.append(f"the labels are in this order: {_order(way.labels, as_fed.labels)}")
    if way.refed:
        changed = [way.input_range] if way.input_range != as_fed.input_range else []
        changed += [way.channels] if way.channels != as_fed.channels else []
        parts.append(f"the model is fed {' and '.join(changed)}")
    return " and ".join(parts)


def _order(labels: Sequence[str], given: Sequence[str]) -> str:
    """All labels in order, or of many those that have moved."""
    if len(labels) <= MAX_LABELS:
        return ", ".join(labels)
    moved = [f"{label} in place of {other}" for label, other in zip(labels, given, strict=True) if label != other]
    return ", ".join(moved[:MAX_LABELS]) + (", ..." if len(moved) > MAX_LABELS else "")


def _cause_of_way(way: LabelFit, as_fed: LabelFit) -> tuple[str, str]:
    """The id and name of what is wrong if this way is right."""
    if way.reordered:
        return LABEL_ORDER, "order of the labels"
    fault = SCALING if way.input_range != as_fed.input_range else CHANNEL_ORDER
    return fault.id, fault.name


def _fix_of_way(way: LabelFit, as_fed: LabelFit) -> str:
    parts = [f"labels in output order: {', '.join(way.labels)}"] if way.reordered else []
    if way.refed:
        parts.append(f"give the model {way.input_range}, {way.channels}, of snapshots and of frames")
    return "; ".join(parts)


def _about_predictions(comparison: PathComparison, labels: Sequence[str]) -> list[str]:
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
        if comparison.attributions[0].independent:
            sentences.append(_about_each_label(comparison, labels))
    else:
        reference = "with your frame reader" if is_frames else "as their frame"
        sentences.append(f"All {matched} {things} get the same label {reference}.")
    return sentences


def _about_each_label(comparison: PathComparison, labels: Sequence[str]) -> str:
    """Of independent labels: in how many snapshots each differs."""
    paths = [(each.video_probabilities, each.snapshot_probabilities) for each in comparison.attributions]
    video, snapshot = (given_labels(np.stack(rows), independent=True) for rows in zip(*paths, strict=True))
    counts = sorted(zip((video != snapshot).sum(0).tolist(), labels, strict=True), key=lambda entry: -entry[0])
    listed = ", ".join(f"{label} in {count}" for count, label in counts[:MAX_LABELS] if count)
    return f"By label: {listed}."


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
        if cause.alternatives:
            name += f", or from {_alternatives(cause)}, which these pictures do not tell apart"
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


def _about_preprocessing(ways: Sequence[Preprocessing], labels: Sequence[str]) -> list[str]:
    """What the labels of the snapshots say of the preprocessing in training, and what they leave open."""
    if not ways:
        return []
    correct = percent(max(way.accuracy for way in ways))
    if ways[0].accuracy < (1 + 1 / len(labels)) / 2:
        return [f"No usual preprocessing fits the labels of the snapshots: {correct} is the most that get theirs."]
    facts: dict[str, list[str]] = {
        "input range": [way.input_range for way in ways],
        "channels": [way.channels for way in ways],
        "framing": [way.framing for way in ways],
        "resizing": [way.resizing for way in ways],
        "order of labels": [_order(way.labels, labels) for way in ways],
    }
    settled, left_open = [], []
    for name, values in facts.items():
        likely = [
            value
            for value in dict.fromkeys(values)
            if max(
                sum(way.probability for way, other in zip(ways, values, strict=True) if other == value),
                sum(way.best for way, other in zip(ways, values, strict=True) if other == value),
            )
            >= MIN_PROBABILITY
        ]
        if len(likely) > 1:
            left_open.append(f"{name} ({' or '.join(likely)})")
        elif likely[0] != _order(labels, labels):
            settled.append(f"{name} {likely[0]}")
    sentences = [f"With the likeliest preprocessing, {percent(ways[0].accuracy)} of labeled snapshots get their label."]
    if settled:
        sentences.append(f"The labels settle: {', '.join(settled)}.")
    if left_open:
        sentences.append(f"They leave open: {', '.join(left_open)}.")
    return sentences


def _both_settings(cause: AttributedCause, has_reader: bool) -> str:
    """How both paths are set, as a clause."""
    assert cause.fault is not None
    frames = "your reader's frames" if has_reader else "the video's frames"
    if not cause.count:  # recognized by the unexplained rest, not by a setting
        return f"the difference between your snapshots and {frames} looks like {cause.fault.name}"
    video, snapshot = cause.fault.describe(cause.video_setting), cause.fault.describe(cause.snapshot_setting)
    return f"your snapshots {snapshot}, but {frames} {video}"


def _alternatives(cause: AttributedCause) -> str:
    """The other faults that may be the cause, with their settings."""
    return " or ".join(f"{fault.name} ({fault.label(setting)})" for fault, setting in cause.alternatives)


def _both_labels(cause: AttributedCause, has_reader: bool) -> str:
    """How both paths are set, in a few words."""
    assert cause.fault is not None
    if not cause.count:
        return "recognized by the difference that is left"
    video, snapshot = cause.fault.label(cause.video_setting), cause.fault.label(cause.snapshot_setting)
    return f"{'reader' if has_reader else 'video'}: {video}; snapshots: {snapshot}"
