"""What a reader should take home, in plain text with codes: which model to use, what it costs, where it fails, and what
to do next.

Codes by topic:

- cost: time_per_clip, multiply_adds, training_time
- failures: error_rate, missed_label, and the codes of the verdict's warnings
- next_steps: train_longer, use_motion, use_still, label_videos, try_ladder, compare_balanced, test_all,
  record_more_groups, leaning, record_other_recordings, choose_by_cost, nothing_beats_guessing, remove_shortcuts,
  ladder_untried, train_more_seeds
"""

from __future__ import annotations

from stillmotion.comparison.records import Advice, Comparison, ContenderResult, ModelResult, TrainingSummary
from stillmotion.comparison.sentences import MIN_GROUPS, leaning_text, selection_text
from stillmotion.comparison.verdict import Verdict
from stillmotion.data.splitting import advised_folds
from stillmotion.formatting import count, duration, listed, percent, significant
from stillmotion.models import RUNGS

MAX_MISSED_LABELS = 2
_TRY_LADDER = (
    "`stillmotion compare` without `--families` also trains still models that find the best frame, and some "
    "that start from a backbone pretrained on photographs."
)
SIMILAR_COST = 1.1  # a model that takes at most this many times as long counts as equally fast


def give_advice(comparison: Comparison) -> tuple[Advice, ...]:
    """Everything that a reader of a comparison should take home.

    Args:
        comparison: a comparison with its verdict, recommendation, evidence and shortcuts.

    Returns:
        Costs, failures and next steps, in that order; nothing without a verdict.
    """
    verdict = comparison.verdict
    if verdict is None:
        return ()
    return (
        *_costs(comparison, verdict),
        *_failures(comparison, verdict),
        *_longer_training(comparison, verdict),
        *_actions(comparison, verdict),
        *_cautions(comparison, verdict),
    )


def run_to_use(comparison: Comparison) -> str | None:
    """A run of the model to use, with the contender that validation chose in most folds.

    Args:
        comparison: a comparison with its verdict and recommendation.

    Returns:
        Its folder, within that of the comparison; None if the answer is undecided, or the model was trained elsewhere.
    """
    name = comparison.model_to_use
    if name is None:
        return None
    model = comparison.models[name]
    winner = _winner(model)
    for run, training in zip(model.runs, model.trainings, strict=False):
        if not winner or (training.recipe.family, training.recipe.options) == (winner.family, winner.options):
            return run
    return None


def finds_best_frame(comparison: Comparison, model: str) -> bool:
    """Whether a still model was trained to rely on its best frame (pool=max, mean+max or attention)."""
    trainings = comparison.models[model].trainings
    return bool(trainings) and trainings[0].recipe.options.get("pool") in ("max", "mean+max", "attention")


def speed_text(comparison: Comparison, model: str) -> str:
    """That a model is the fastest, or as fast as any; empty if it is neither or the times are unknown."""
    times = {name: result.cost.milliseconds_per_clip for name, result in comparison.models.items()}
    model_time, other_times = times.pop(model), [time for time in times.values() if time]
    if not model_time or not other_times or model_time > SIMILAR_COST * min(other_times):
        return ""
    return " and the fastest" if SIMILAR_COST * model_time < min(other_times) else " and as fast as any"


def _costs(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """Costs of the model to use compared with the other kind; of both if it is undecided; none if both only guess."""
    if verdict.nothing_beats_guessing:
        return []
    chosen = comparison.model_to_use or verdict.motion
    other = verdict.motion if chosen == verdict.still else verdict.still
    cost, other_cost = comparison.models[chosen].cost, comparison.models[other].cost
    time, other_time = cost.milliseconds_per_clip, other_cost.milliseconds_per_clip
    if not time or not other_time:
        return []
    if time > SIMILAR_COST * other_time:
        relation = f"{significant(time / other_time, 2)} times as long as {other}"
    elif other_time > SIMILAR_COST * time:
        relation = f"{other} takes {significant(other_time / time, 2)} times as long"
    else:
        relation = f"about as long as {other}"
    text = f"{chosen} takes {significant(time)} ms per clip on the machine that measured it: {relation}."
    advice = [Advice("time_per_clip", "cost", text)]
    if cost.multiply_adds and other_cost.multiply_adds:
        count, other_count = _millions(cost.multiply_adds), _millions(other_cost.multiply_adds)
        text = (
            f"Multiply-adds per clip, the same on every machine: {count}, compared with {other_count}. Time also "
            "depends on how well a machine runs each model."
        )
        advice.append(Advice("multiply_adds", "cost", text))
    if cost.train_seconds:
        result = comparison.models[chosen]
        searched = [trial.seconds for search in result.searches for trial in search.trials]
        search = f"; choosing its settings took {duration(sum(searched))} in all" if searched else ""
        subject = "One training" if len(result.trainings) > 1 else "Training"
        advice.append(Advice("training_time", "cost", f"{subject} took {duration(cost.train_seconds)}{search}."))
    return advice


def _failures(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """How often the model to use fails (the motion model if undecided), on what, and what to doubt."""
    chosen = comparison.model_to_use or verdict.motion
    warnings = [Advice(warning.code, "failures", _sentence(warning.text)) for warning in verdict.warnings]
    return [*_mistakes(comparison, verdict, chosen), *warnings]


def _mistakes(comparison: Comparison, verdict: Verdict, chosen: str) -> list[Advice]:
    """How often a model is wrong, and on which labels."""
    result = comparison.models[chosen]
    wrong = significant(round((1 - result.accuracy.value) * verdict.videos, 1), 3)
    average = " on average" if verdict.seeds > 1 else ""
    happened = (
        f"is wrong on {wrong} of {count(verdict.videos, 'test video')}{average}"
        if result.accuracy.value < 1
        else "made no mistake here"
    )
    if not comparison.beats_guessing[chosen]:
        text = f"{chosen} {happened}, which is not significantly better than guessing."
        return [Advice("error_rate", "failures", text)]
    text = (
        f"{chosen} {happened}; on other recordings its accuracy may be as low as {percent(result.accuracy.low)} "
        "(95 % interval)."
    )
    advice = [Advice("error_rate", "failures", text)]
    missed = [(label, of) for label, of in result.per_label.items() if of.videos and of.recall.value < 1]
    for label, of in sorted(missed, key=lambda item: item[1].recall.value)[:MAX_MISSED_LABELS]:
        text = f'It finds {percent(of.recall.value)} of "{label}" ({count(of.videos, "test video")}).'
        advice.append(Advice("missed_label", "failures", text))
    return advice


def _longer_training(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """To train longer, if neither model beats guessing and a training ended too early."""
    names = _still_improving(comparison, verdict) if verdict.nothing_beats_guessing else []
    if not names:
        return []
    models = [comparison.models[name] for name in names]
    epochs = sorted({summary.recipe.epochs for model in models for summary in model.trainings})
    ended = count(epochs[0], "epoch") if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs"
    budgeted = any(search.minutes is not None for model in models for search in model.searches)
    option = "a larger `--time-budget`" if budgeted else f"`--epochs {2 * epochs[-1]} --overwrite`"
    subject = "The models were" if len(names) > 1 else f"{names[0]} was"
    text = f"{subject} still improving when training ended after {ended}: train longer ({option})."
    return [Advice("train_longer", "next_steps", text)]


def _still_improving(comparison: Comparison, verdict: Verdict) -> list[str]:
    """The models of the pair most of whose trainings used all epochs, with the best one in the last tenth."""

    def improving(summary: TrainingSummary) -> bool:
        training, epochs = summary.training, summary.recipe.epochs
        return training is not None and training.epochs >= epochs and training.best_epoch > 0.9 * epochs

    trainings = {name: comparison.models[name].trainings for name in (verdict.still, verdict.motion)}
    return [name for name, own in trainings.items() if 2 * sum(map(improving, own)) > len(own)]


def _actions(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """What to use, record or try."""
    chosen = comparison.model_to_use
    if verdict.answer == "motion needed":
        text = _use_motion(comparison, verdict, chosen or verdict.motion)
        return [Advice("use_motion", "next_steps", text), *_label_videos(comparison)]
    if verdict.answer == "stills suffice":
        model = chosen or verdict.still
        # On the ladder, what takes several frames need not be right on a picture.
        alone = ": it also works on single images" if not comparison.ladder or model == RUNGS[0] else ""
        text = f"Use {_with_winner(comparison, model)}{alone}.{_faster_motion(comparison, verdict)}"
        return [Advice("use_still", "next_steps", text), *_label_videos(comparison)]
    if verdict.best_frame_reason == "order_not_needed" and comparison.ladder:
        text = (
            f"Use {verdict.motion} for now. With more recordings, or another pretrained backbone (`--backbone`), a "
            "still model may learn to see the same."
        )
        return [Advice("use_motion", "next_steps", text)]
    if verdict.best_frame_explains and finds_best_frame(comparison, verdict.still):
        text = f"Use {verdict.motion}: a still model that was trained to find the best frame did not find it."
        return [Advice("use_motion", "next_steps", text)]
    if verdict.best_frame_explains:
        advised = "" if comparison.ladder else f" {_TRY_LADDER}"
        text = f"Until more recordings decide it, use {verdict.motion}.{advised}"
        return [Advice("use_motion" if comparison.ladder else "try_ladder", "next_steps", text)]
    if verdict.stills_miss_labels:
        needs = listed([f'{loss.better} for "{loss.label}"' for loss in verdict.missed_labels[:MAX_MISSED_LABELS]])
        text = f"If you need all labels, use {needs}."
        if not comparison.balanced:
            text += " `--metric balanced` compares by the mean recall, so that rare labels count as much as others."
        return [Advice("compare_balanced", "next_steps", text)]
    return [*_test_all(comparison, verdict), *_more_recordings(verdict)]


def _label_videos(comparison: Comparison) -> list[Advice]:
    """Where the model to use is, and how to use it."""
    run = run_to_use(comparison)
    if run is None:
        return []
    folds = ", one of the folds" if comparison.data.cross_validated else ""
    text = f"Label new videos with its run{folds}, in the folder of this report: `stillmotion predict {run} VIDEO`."
    return [Advice("label_videos", "next_steps", text)]


def _test_all(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """Where it is undecided on the test part alone: to test on all recordings that there are."""
    data = comparison.data
    groups = sum(data.groups.values())
    folds = advised_folds(data.groups_per_label)
    if data.cross_validated or groups <= 1.5 * verdict.groups or not folds:
        return []
    enough = ""
    if verdict.groups_to_decide and verdict.groups_to_decide <= groups:
        enough = ", which would probably decide it"
    text = (
        f"Compare again with `--folds {folds}`: it tests on all {groups} groups instead of {verdict.groups}{enough}, "
        f"and takes about {folds} times as long."
    )
    if not verdict.sequential:
        text += " A second look at most doubles the chance of a wrong answer."
    return [Advice("test_all", "next_steps", text)]


def _more_recordings(verdict: Verdict) -> list[Advice]:
    """What would decide an undecided verdict, or that nothing would."""
    leaning = [Advice("leaning", "next_steps", _sentence(leaning_text(verdict)))] if verdict.leaning else []
    if verdict.groups_to_decide and not verdict.nothing_beats_guessing:
        text = (
            f"Film more separate recordings: about {verdict.groups_to_decide} groups of test videos would probably "
            f"decide it, if the difference stays the same; these are {verdict.groups}. More clips of the same "
            "recordings help less."
        )
        if not verdict.sequential:
            text += " Add them all before you compare again, or use `--sequential`."
        return [Advice("record_more_groups", "next_steps", text), *leaning]
    if verdict.nothing_beats_guessing and verdict.groups < MIN_GROUPS:
        tested = count(verdict.groups, "group")
        text = f"Test on more separate recordings: {tested} can hardly show that a model is not guessing."
        return [Advice("record_more_groups", "next_steps", text)]
    if not verdict.stills_beat_guessing:
        return []
    if verdict.groups == 1:
        text = "Record other recordings: a single one says nothing about the next."
        return [Advice("record_other_recordings", "next_steps", text)]
    if leaning:
        return leaning
    text = (
        "Choose by cost, or set the margin (`--margin`) by what a point of accuracy is worth to you: more videos will "
        "hardly decide between these two."
    )
    return [Advice("choose_by_cost", "next_steps", text)]


def _use_motion(comparison: Comparison, verdict: Verdict, chosen: str) -> str:
    recommendation = comparison.recommendation_if_better_than_guessing
    reason = ""
    if recommendation and recommendation.model == chosen:
        if recommendation.model == recommendation.best:
            reason = f": it is the most accurate{speed_text(comparison, chosen)}"
        else:
            best = recommendation.best
            reason = f": it is the cheapest that loses significantly less than the margin to {best}"
    model = _with_winner(comparison, chosen)
    text = f"Use {model}{reason}."
    if chosen != verdict.motion:
        text += f" The verdict rests on {verdict.motion}, chosen {selection_text(verdict)}."
    return text + _cheaper_motion(comparison, verdict, chosen)


def _cheaper_motion(comparison: Comparison, verdict: Verdict, chosen: str) -> str:
    """Mentions the cheapest motion model that is within the margin on the test videos, though perhaps not on others."""
    models = comparison.models
    time, accuracy = models[chosen].cost.milliseconds_per_clip, comparison.measured(chosen).value
    cheaper = {
        name: result.cost.milliseconds_per_clip
        for name, result in models.items()
        if result.kind == "motion"
        and result.cost.milliseconds_per_clip
        and SIMILAR_COST * result.cost.milliseconds_per_clip < (time or 0.0)
        and accuracy - comparison.measured(name).value <= verdict.margin
    }
    if not time or not cheaper:
        return ""
    name = min(cheaper, key=cheaper.__getitem__)
    measure = "mean recall" if comparison.balanced else "accuracy"
    figures = f"{percent(comparison.measured(name).value)}, compared with {percent(accuracy)}"
    return (
        f" {name} takes {significant(cheaper[name])} instead of {significant(time)} ms per clip. Its {measure} on "
        f"these videos is {figures}; that it is within the margin on others is not shown."
    )


def _with_winner(comparison: Comparison, model: str) -> str:
    """A model, and for a rung the contender that validation chose in most folds: order (efficientnet-lite0, gru)."""
    winner = _winner(comparison.models[model])
    return f"{model} ({winner.name})" if winner else model


def _winner(model: ModelResult) -> ContenderResult | None:
    """The contender that was chosen in most folds."""
    return max(model.contenders, key=lambda contender: len(contender.chosen_folds), default=None)


def _faster_motion(comparison: Comparison, verdict: Verdict) -> str:
    """Mentions a motion model that takes less time than the still model that suffices."""
    models, recommendation = comparison.models, comparison.recommendation_if_better_than_guessing
    recommended = bool(recommendation and models[recommendation.model].kind == "motion")
    name = recommendation.model if recommendation and recommended else verdict.motion
    time, still_time = (models[model].cost.milliseconds_per_clip for model in (name, verdict.still))
    if not time or SIMILAR_COST * time > (still_time or 0.0):
        return ""
    claim = "is" if recommended else "is not shown to be"
    return f" {name} is faster here, and {claim} within the margin of the best."


def _cautions(comparison: Comparison, verdict: Verdict) -> list[Advice]:
    """What to be careful about."""
    advice = []
    if verdict.nothing_beats_guessing and verdict.groups >= MIN_GROUPS:
        improving = _still_improving(comparison, verdict)
        action = "if longer training does not help" if improving else "before anything else"
        text = (
            "Neither model is significantly better than always predicting the most frequent label "
            f"({percent(verdict.guessing)}): look at the clips and labels {action}."
        )
        advice.append(Advice("nothing_beats_guessing", "next_steps", text))
    shortcuts = [shortcut.name for shortcut in comparison.shortcuts if shortcut.warns]
    if shortcuts:
        text = (
            f"Unless your labels mean just {listed(shortcuts)}, film all labels in the same places, in the same "
            "way and for the same time, then compare again."
        )
        advice.append(Advice("remove_shortcuts", "next_steps", text))
    evidence = comparison.evidence
    untried = evidence and not comparison.ladder and not finds_best_frame(comparison, verdict.still)
    if verdict.answer == "motion needed" and untried:
        advice.append(Advice("ladder_untried", "next_steps", f"Not tried: stronger still models. {_TRY_LADDER}"))
    if verdict.seeds == 1 and comparison.models[verdict.motion].trainings and not verdict.nothing_beats_guessing:
        text = (
            "Each model was trained once. Another training would give somewhat different results: `--seeds 3` shows "
            "how different."
        )
        advice.append(Advice("train_more_seeds", "next_steps", text))
    return advice


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _millions(number: float) -> str:
    """212009920 -> 212 M."""
    return f"{significant(number / 1e6)} M"
