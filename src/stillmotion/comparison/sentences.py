"""All sentences about a verdict and its evidence: pure functions of the records, for the CLI and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stillmotion.comparison.formatting import percent, points
from stillmotion.inspection.shortcuts import describe_shortcuts

if TYPE_CHECKING:
    from stillmotion.comparison.evidence import Evidence
    from stillmotion.comparison.verdict import Verdict
    from stillmotion.inspection.shortcuts import Shortcut

MIN_GROUPS = 10  # with fewer groups, a warning says so
ANSWER_TITLES = {
    "motion needed": "Motion is needed",
    "stills suffice": "Stills suffice",
    "undecided": "Undecided",
}
EXAMPLE_REASONS = {
    "only_motion_right": "Only the motion model is right",
    "only_still_right": "Only the still model is right",
    "both_wrong_differently": "Both wrong, with different predictions",
    "both_wrong": "Both wrong",
    "both_right": "Both right",
}
_NOT_CHECKED = {
    "shortcuts": "whether something other than the action predicts the label (shortcuts)",
    "evidence": "whether the gain comes from motion rather than from one good frame (controls)",
}


def verdict_sentence(verdict: Verdict) -> str:
    """The answer and what it rests on, in one sentence."""
    return f"{ANSWER_TITLES[verdict.answer]}: {verdict_details(verdict)}"


def verdict_details(verdict: Verdict) -> str:
    """What the answer rests on, without the answer; it starts with a lower-case letter and ends with a full stop."""
    figures, margin = _figures(verdict), f"the margin of {_margin(verdict)}"
    if verdict.interval_answer == "undecided":
        return f"{figures}, on both sides of {margin}; {_more_data(verdict)}."
    side = "above" if verdict.interval_answer == "motion needed" else "below"
    if "motion_not_better_than_guessing" in verdict.blocked_by:
        return (
            f"{figures}; that is above {margin}, but {_no_better_than_guessing(verdict, 'motion')}, so motion is not "
            "shown to be needed."
        )
    if "still_not_better_than_guessing" in verdict.blocked_by:
        return (
            f"{figures}; that is below {margin}, but {_no_better_than_guessing(verdict, 'still')}, so stills are not "
            "shown to suffice."
        )
    if verdict.best_frame_explains:
        return (
            f"{figures}, all of it above {margin}; but {_best_frame_reason(verdict)}: it may rely on the right frame "
            "rather than on motion."
        )
    return f"{figures}, all of it {side} {margin}."


def verdict_notes(verdict: Verdict) -> list[str]:
    """Further results that the sentence does not mention, one line each."""
    lines = []
    if len(verdict.contrasts) > 1:
        lines.append(f"{verdict.motion} was chosen {selection_text(verdict)}:")
        for contrast in verdict.contrasts:
            interval = f"{points(contrast.low, 1)} to {points(contrast.high, 1)}"
            lines.append(f"  {contrast.motion}: {points(contrast.difference, 1)} points ({interval})")
    if verdict.answer != "motion needed":
        limits = f"{points(verdict.equivalence_low, 1)} to {points(verdict.equivalence_high, 1)}"
        lines.append(
            f"equivalent within ±{100 * verdict.margin:g} points (two one-sided tests at 5 %): "
            f"{'yes' if verdict.equivalent else 'not shown'}; interval {limits}"
        )
    if verdict.interval_answer != "motion needed" and verdict.superior:
        lines.append("motion is significantly better, but not significantly by more than the margin")
    significant = [gain for gain in verdict.labels if gain.significant]
    if significant:
        named = ", ".join(f"{gain.label} ({points(gain.separation_gain)})" for gain in significant[:8])
        lines.append(f"labels that motion separates significantly better: {named}{_more(significant, 8, ', ...')}")
    only = [" / ".join(pair.labels) for pair in verdict.pairs if pair.only_motion]
    if only:
        lines.append(f"pairs of labels that only motion separates: {'; '.join(only[:5])}{_more(only, 5, '; ...')}")
    return lines


def selection_text(verdict: Verdict) -> str:
    """How the motion model was chosen; it follows "was chosen"."""
    models = f"of {len(verdict.contrasts)} motion models"
    return {
        "only_motion_model": "as the only motion model",
        "validation_accuracy": f"{models} by validation accuracy",
        "test_accuracy": f"{models} on the test videos, so its interval is at {100 * verdict.level:.3g} % (Bonferroni)",
        "hardest_to_rule_out": f"{models}, as the hardest to rule out on the test videos",
    }[verdict.selected_by]


def videos_as_groups_text() -> str:
    """Warns that every video is its own group."""
    return (
        "each video counts as a separate recording; if several were cut from one recording, name it in a column "
        "'group', or the interval is too narrow"
    )


def few_groups_text(groups: int) -> str:
    """Warns that there are few groups."""
    return f"only {groups} {'group' if groups == 1 else 'groups'} of test videos: take this as a first look"


def not_checked_text(names: Sequence[str]) -> str:
    """Warns of what was not looked for: "shortcuts", "evidence"."""
    unchecked = " and ".join(_NOT_CHECKED[name] for name in names)
    return f"not checked: {unchecked}; `stillmotion compare` (`run_comparison` in Python) checks both"


def one_frame_may_suffice(verdict: Verdict, evidence: Evidence) -> bool:
    """Whether one good frame may be enough: by the control with pool=max if there is one, else by single frames."""
    if evidence.max_pool_control:
        return evidence.max_pool_control.high >= -verdict.margin
    return bool(evidence.best_frame and evidence.best_frame.one_frame_decides)


def best_frame_text(verdict: Verdict, evidence: Evidence, finds_best_frame: bool) -> str:
    """Whether one good frame is enough; empty if the still model was not run over time, unknown if nothing was learned.

    finds_best_frame: whether the still model was trained with pool=max already.
    """
    best, control = evidence.best_frame, evidence.max_pool_control
    if best is None:
        return ""
    if verdict.nothing_beats_guessing:
        return f"{nothing_learned_text().capitalize()}."
    if control:
        answer = "It may be" if one_frame_may_suffice(verdict, evidence) else "No"
        return (
            f"{answer}: a still model was trained to find it (pool=max) and gets "
            f"{percent(control.accuracy)}, {points(control.difference)} points compared with motion "
            f"(95 % interval {points(control.low)} to {points(control.high)})."
        )
    interval = f"{points(best.low)} to {points(best.high)} points compared with motion, 95 % interval"
    if best.one_frame_decides and best.most_confident_frame > best.average + 0.02:
        return (
            "It may be: the frame that the still model is most confident of does better than the average over frames, "
            f"and is not significantly worse than motion ({interval}). Then it relies on the right frame rather than "
            f"on motion{'.' if finds_best_frame else ': try `--pool max`.'}"
        )
    if best.one_frame_decides:
        return (
            f"It may be: single frames are not significantly worse than motion ({interval}), and averaging them loses "
            "nothing."
        )
    if best.oracle - best.chance < 0.1:
        return (
            f"No. Some frame is right in {percent(best.oracle)} of the videos, but some frame gives one particular "
            f"wrong label in {percent(best.chance)}: that much is luck, and no single frame shows the label."
        )
    return (
        f"Not by itself: in {percent(best.oracle)} of the videos some frame would have been right "
        f"({percent(best.chance)} by luck), but the still model does not know which."
    )


def nothing_learned_text() -> str:
    """What replaces every statement about a model's predictions where neither model beats guessing."""
    return "not known: neither model is significantly better than guessing"


def shortcuts_text(shortcuts: Sequence[Shortcut]) -> str:
    """Whether something other than the action predicts the label."""
    description = describe_shortcuts(shortcuts)
    return f"Yes: {description}." if description else "Nothing that was tried predicts the label better than guessing."


def _digits(verdict: Verdict) -> int:
    """Digits of percentages: one more near the margin, so that no sentence says "+5, above the margin of 5 points"."""
    low, high, margin = (round(100 * value, 6) for value in (verdict.low, verdict.high, verdict.margin))
    return 1 if min(abs(low - margin), abs(high - margin)) < 1 or margin != round(margin) else 0


def _margin(verdict: Verdict) -> str:
    """0.05 -> 5 points."""
    margin = round(100 * verdict.margin, 6)
    return f"{margin:g} {'point' if margin == 1 else 'points'}"


def _change(verdict: Verdict) -> str:
    return points(verdict.motion_accuracy - verdict.still_accuracy, _digits(verdict))


def _figures(verdict: Verdict) -> str:
    """Both accuracies, their difference and its interval."""
    digits, change = _digits(verdict), _change(verdict)
    return (
        f"the motion model {verdict.motion} gets {100 * verdict.motion_accuracy:.{digits}f} % of the test videos right "
        f"and the still model {verdict.still} {100 * verdict.still_accuracy:.{digits}f} %, a difference of {change} "
        f"{'point' if change in ('+1', '-1') else 'points'} ({100 * verdict.level:.3g} % interval "
        f"{points(verdict.low, digits)} to {points(verdict.high, digits)})"
    )


def _more_data(verdict: Verdict) -> str:
    """How many groups would decide it."""
    if verdict.groups_to_decide:
        return (
            f"about {verdict.groups_to_decide} groups of test videos instead of {verdict.groups} would decide it, four "
            f"times in five, if the difference is really {_change(verdict)}"
        )
    if verdict.groups == 1:
        return "one group of test videos cannot decide it"
    if verdict.nothing_beats_guessing:
        return "neither model is shown to beat guessing, and nothing can be decided until one is"
    return "even 20 times as many groups would hardly decide it"


def _no_better_than_guessing(verdict: Verdict, kind: str) -> str:
    return (
        f"the {kind} model is not shown to be better than always predicting the most frequent label "
        f"({percent(verdict.guessing)})"
    )


def _best_frame_reason(verdict: Verdict) -> str:
    if verdict.best_frame_reason == "max_pool_control_close":
        accuracy = percent(verdict.max_pool_accuracy or 0)
        return (
            f"{verdict.still} trained to find the best frame (pool=max) gets {accuracy}, which is not significantly "
            "worse by more than the margin"
        )
    if verdict.best_frame_reason == "most_confident_frame_close":
        return f"the frame that {verdict.still} is most confident of is not significantly worse"
    return f"{verdict.motion} does not need the frames in order, and half of a clip is not enough for it"


def _more(items: Sequence[object], shown: int, ellipsis: str) -> str:
    return ellipsis if len(items) > shown else ""
