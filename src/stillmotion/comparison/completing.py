"""The last step of every comparison: evidence, shortcuts and advice become part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stillmotion.comparison.advice import give_advice
from stillmotion.comparison.evidence import Evidence
from stillmotion.comparison.example_videos import ExampleVideo
from stillmotion.comparison.motion_evidence import require_motion_evidence
from stillmotion.comparison.records import Comparison
from stillmotion.comparison.sentences import none_pretrained_text, not_checked_text
from stillmotion.comparison.verdict import Verdict, VerdictWarning
from stillmotion.inspection.shortcuts import Shortcut, describe_shortcuts
from stillmotion.models import STILL_RUNGS, pretrained_backbone
from stillmotion.models.pretrained import available_backbones

COMPLETED = ("shortcuts", "not_checked", "none_pretrained")  # warnings that are given anew


def complete_comparison(
    comparison: Comparison,
    *,
    evidence: Evidence | None = None,
    shortcuts: Sequence[Shortcut] | None = None,
    examples: Sequence[ExampleVideo] = (),
) -> Comparison:
    """Apply evidence and shortcuts to the verdict, and give advice.

    *Motion needed* is withdrawn where good frames may explain the gain (`require_motion_evidence`). The verdict
    warns of shortcuts, and of what was not checked. Completing a comparison again replaces what was completed before.

    Args:
        comparison: the models' results and the verdict.
        evidence: what the motion model's gain rests on; None if it was not checked.
        shortcuts: how well things other than the action predict the label; None if it was not checked.
        examples: test videos to look at.

    Returns:
        The comparison with its final verdict, evidence, shortcuts, examples and advice.

    Examples:
        >>> comparison = sm.compare_tables(["still.csv", "motion.csv"])
        >>> comparison = sm.complete_comparison(comparison, shortcuts=sm.find_shortcuts("clips/"))
    """
    completed = replace(
        comparison,
        verdict=_completed_verdict(comparison, evidence, shortcuts),
        evidence=evidence,
        shortcuts=tuple(shortcuts or ()),
        examples=tuple(examples),
    )
    return replace(completed, advice=give_advice(completed))


def _completed_verdict(
    comparison: Comparison, evidence: Evidence | None, shortcuts: Sequence[Shortcut] | None
) -> Verdict | None:
    if comparison.verdict is None:
        return None
    completed = complete_verdict(comparison.verdict, evidence, shortcuts)
    settled = completed.answer == "stills suffice" or completed.selected_by == "named"
    if comparison.ladder is None or settled or _tries_pretrained_stills(comparison):
        return completed
    classic = any(
        training.recipe.options.get("preset") == "classic"
        for model in comparison.models.values()
        for training in model.trainings
    )
    text = none_pretrained_text(available_backbones(), classic=classic)
    return replace(completed, warnings=(*completed.warnings, VerdictWarning("none_pretrained", text)))


def _tries_pretrained_stills(comparison: Comparison) -> bool:
    """Whether a contender of the still rungs had a pretrained backbone. Of models from elsewhere, that is not known."""
    named = {name: model for name, model in comparison.models.items() if model.kind == "still"}
    if not named.keys() <= set(STILL_RUNGS):
        return True
    stills = named.values()
    competing = [contender.options for model in stills for contender in model.contenders]
    trained = [training.recipe.options for model in stills for training in model.trainings]
    return any(pretrained_backbone(options) is not None for options in (*competing, *trained))


def complete_verdict(verdict: Verdict, evidence: Evidence | None, shortcuts: Sequence[Shortcut] | None) -> Verdict:
    """Apply evidence and shortcuts to a verdict from statistics (see `complete_comparison`)."""
    statistical = (warning for warning in verdict.warnings if warning.code not in COMPLETED)
    checked = require_motion_evidence(verdict, evidence or Evidence())
    return replace(checked, warnings=(*statistical, *_warnings(evidence, shortcuts)))


def _warnings(evidence: Evidence | None, shortcuts: Sequence[Shortcut] | None) -> list[VerdictWarning]:
    leaking = [shortcut for shortcut in shortcuts or () if shortcut.warns]
    names = tuple(shortcut.name for shortcut in leaking)
    warnings = [VerdictWarning("shortcuts", describe_shortcuts(leaking), names=names)] if leaking else []
    unchecked = ["shortcuts"] if shortcuts is None else []
    if evidence is None or not evidence.perturbed or evidence.best_frame is None:
        unchecked.append("evidence")
    if unchecked:
        warnings.append(VerdictWarning("not_checked", not_checked_text(unchecked), names=tuple(unchecked)))
    return warnings
