"""What a reader should take home, a sentence a line: the cost, the failures, the next steps."""

from __future__ import annotations

from markupsafe import Markup

from stillmotion.comparison import Recommendation, Verdict
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import million, number, percent, seconds, typeset, videos

SPACE = "\N{NO-BREAK SPACE}"


def sound_advice(record: Record) -> Recommendation | None:
    """The recommendation; None where no model is surely better than guessing."""
    advice, verdict = record.comparison.recommendation, record.comparison.verdict
    if advice is None or verdict is None:
        return advice
    asked = {verdict.still: verdict.stills_beat_guessing, verdict.motion: verdict.motion_beats_guessing}
    least = record.comparison.families[advice.best].figures.get("accuracy_low") or 0.0
    return advice if asked.get(advice.best, least > verdict.guessing) else None


def to_use(record: Record, verdict: Verdict) -> str | None:
    """The family to use: the recommended one, if it is of the kind that the verdict asks for; None if undecided."""
    kind = {"motion needed": "motion", "stills suffice": "still"}.get(verdict.answer)
    if kind is None:
        return None
    advice = sound_advice(record)
    if advice and record.comparison.families[advice.family].kind == kind:
        return advice.family
    return verdict.motion if kind == "motion" else verdict.still


def costs(record: Record, verdict: Verdict) -> list[str]:
    """Of the family to use beside the other kind; of both if it is undecided."""
    chosen = to_use(record, verdict) or verdict.motion
    other = verdict.motion if chosen == verdict.still else verdict.still
    one, two = (record.comparison.families[name].figures for name in (chosen, other))
    cost, base = one.get("milliseconds_per_clip"), two.get("milliseconds_per_clip")
    if not cost or not base:
        return []
    if cost > 1.1 * base:
        against = f"{number(cost / base, 2)} times as long as {other}"
    elif base > 1.1 * cost:
        against = f"{other} takes {number(base / cost, 2)} times as long"
    else:
        against = f"as long as {other}"
    lines = [f"{chosen} answers in {number(cost)}{SPACE}ms a clip on the machine that measured it: {against}."]
    if one.get("multiply_adds") and two.get("multiply_adds"):
        count, against = million(one["multiply_adds"]), million(two["multiply_adds"])
        lines.append(f"On any machine: {count} multiply-adds a clip, against {against}.")
    if one.get("train_seconds"):
        many = len(one.get("trainings") or ())
        searches = one.get("search") or ()
        trials = [trial.get("seconds") or 0.0 for found in searches for trial in found.get("trials") or ()]
        searched = f"; choosing its settings took {seconds(sum(trials))} in all" if trials else ""
        lines.append(f"{'One training' if many > 1 else 'Training'} took {seconds(one['train_seconds'])}{searched}.")
    return lines


def failures(record: Record, verdict: Verdict) -> list[str]:
    """Of the family to use (the motion family if it is undecided): how often, where, and what to doubt."""
    chosen = to_use(record, verdict) or verdict.motion
    figures = record.comparison.families[chosen].figures
    accuracy, low = figures.get("accuracy"), figures.get("accuracy_low")
    if accuracy is None:
        return []
    mistakes = f"{number(round((1 - accuracy) * verdict.videos, 1), 3)} of {videos(verdict.videos, 'test ')}"
    mistakes += " on average" if verdict.seeds > 1 else ""
    told = f"is wrong on {mistakes}" if accuracy < 1 else "made no mistake here"
    lines = [f"{chosen} {told}; on other recordings it may be right in as few as {percent(low)} (95{SPACE}% interval)."]
    found = {
        label: one for label, one in (figures.get("per_label") or {}).items()
        if one.get("videos") and one.get("recall", 1) < 1
    }  # fmt: skip
    for label in sorted(found, key=lambda name: float(found[name]["recall"]))[:2]:
        one = found[label]
        lines.append(f"It finds {percent(one['recall'])} of \N{LEFT DOUBLE QUOTATION MARK}{label}"
                     f"\N{RIGHT DOUBLE QUOTATION MARK} ({videos(one['videos'], 'test ')}).")  # fmt: skip
    lines += [f"{line[0].upper()}{line[1:]}." for line in map(typeset, verdict.warnings)]
    return lines


def next_steps(record: Record, verdict: Verdict) -> list[str]:
    """What to use, film or try; and what to be careful about."""
    return actions(record, verdict) + _cautions(record, verdict)


def actions(record: Record, verdict: Verdict) -> list[str]:
    """What to use, film or try."""
    chosen = to_use(record, verdict)
    lines: list[str] = []
    if verdict.answer == "motion needed" and chosen:
        advice = sound_advice(record)
        why = f": it is {_merit(record, advice)}" if advice and advice.family == chosen else ""
        rest = f" The verdict rests on {verdict.motion}, chosen {verdict.chosen}." if chosen != verdict.motion else ""
        lines.append(f"Use {chosen}{why}.{rest}")
    elif verdict.answer == "stills suffice":
        lines.append(f"Use {chosen}: it also answers for single pictures.{_quicker_motion(record, verdict)}")
    elif verdict.by_moment and looks_for_moments(record, verdict):
        lines.append(f"Use {verdict.motion}: a still model that looked for the right moment did not find it.")
    elif verdict.by_moment:
        lines.append(
            Markup(
                "Try whether a still model finds the right moment: the same command with "
                "<code>--pool max --overwrite</code> compares with one that looks for it. Until then "
            )
            + f"use {verdict.motion}."
        )
    elif verdict.groups_to_decide:
        lines.append(
            f"Film more separate recordings: about {verdict.groups_to_decide} groups of test videos would "
            "decide it, four times in five, if the difference stays what it is. More clips of the same recordings "
            "help less."
        )
    elif verdict.stills_beat_guessing:
        lines.append(
            "Film other recordings: one alone says nothing of the next."
            if verdict.groups == 1
            else Markup(
                "Choose by cost, or set the margin (<code>--margin</code>) by what a point of accuracy is "
                "worth to you: more videos will hardly decide between these two."
            )
        )
    return lines


def looks_for_moments(record: Record, verdict: Verdict) -> bool:
    """Whether the still model goes by its best frame already."""
    trainings = record.comparison.families[verdict.still].figures.get("trainings") or [{}]
    return bool(trainings[0].get("recipe", {}).get("options", {}).get("pool") == "max")


def _merit(record: Record, advice: Recommendation) -> str:
    """What the recommended family is."""
    if advice.family != advice.best:
        return f"the cheapest that is surely not worse than {advice.best} by more than the margin"
    return "right most often" + quickness(record, advice.family)


def quickness(record: Record, family: str) -> str:
    """That a family is the quickest, or as quick as that; nothing if it is not. Within a tenth is as quick."""
    costs = {name: one.figures.get("milliseconds_per_clip") for name, one in record.comparison.families.items()}
    own, others = costs.pop(family), [cost for cost in costs.values() if cost]
    if not own or not others or own > 1.1 * min(others):
        return ""
    return " and the quickest" if 1.1 * own < min(others) else " and as quick as any"


def _quicker_motion(record: Record, verdict: Verdict) -> str:
    """Of a motion model that takes less time than the stills that suffice."""
    figures, advice = record.comparison.families, sound_advice(record)
    own = figures[verdict.still].figures.get("milliseconds_per_clip") or 0.0
    name = advice.family if advice and figures[advice.family].kind == "motion" else verdict.motion
    cost = figures[name].figures.get("milliseconds_per_clip")
    if not cost or 1.1 * cost > own:
        return ""
    within = "surely" if advice and advice.family == name else "not shown to be"
    return f" {name} is quicker here, and {within} within the margin of the best."


def _cautions(record: Record, verdict: Verdict) -> list[str]:
    lines = []
    pair = [record.comparison.families[name].figures for name in (verdict.still, verdict.motion)]
    if not (verdict.stills_beat_guessing or verdict.motion_beats_guessing):
        lines.append(
            f"Neither model is surely better than always giving the most frequent label "
            f"({percent(verdict.guessing)}): look at the clips and labels before anything else."
        )
    leaks = [one.name for one in record.comparison.shortcuts if one.warns]
    if leaks:
        lines.append(
            f"Unless your labels mean just that ({', '.join(leaks)}), film all of them in the same places, the same "
            "way and for as long, then compare again."
        )
    evidence = record.comparison.evidence
    untried = evidence and not evidence.looking and not looks_for_moments(record, verdict)
    if verdict.answer == "motion needed" and untried:
        lines.append(
            Markup(
                "Whether a still model would do that looks for the right moment was not tried: "
                "<code>--effort standard</code> trains one."
            )
        )
    if verdict.seeds == 1 and pair[1].get("trainings"):
        lines.append(
            Markup(
                "Each model was trained once. Another training would give somewhat other figures: "
                "<code>--seeds 3</code> shows how far."
            )
        )
    return lines


def guessing(record: Record) -> float | None:
    """The accuracy of always answering the test videos' most frequent label."""
    for family in record.comparison.families.values():
        videos = [label.get("videos", 0) for label in family.figures.get("per_label", {}).values()]
        if sum(videos):
            return float(max(videos) / sum(videos))
    return None
