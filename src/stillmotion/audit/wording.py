"""The answer in sentences."""

from __future__ import annotations

from stillmotion.audit.attribution import UNEXPLAINED
from stillmotion.audit.causes import LEAST
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.records import Cause, Check, Motion, Noise

LARGEST = 5  # causes that are told


def tell(
    comparison: PathComparison | None,
    causes: tuple[Cause, ...],
    noise: Noise,
    checks: tuple[Check, ...],
    unexplained: float,
    motion: tuple[Motion, ...],
) -> str:
    """What was found, shortest first."""
    said = _paths(comparison, causes, noise, checks, unexplained)
    if motion:
        count = len(motion)
        changed = sum(one.frozen != one.clip for one in motion)
        by_motion = _percent(sum(one.frozen_to_clip for one in motion) / count)
        by_moment = _percent(sum(one.frozen_to_others for one in motion) / count)
        said.append(
            f"The full clip gets another label than the clip frozen to a moment at {changed} of {count}: motion "
            f"moves probabilities by {by_motion}, freezing the clip at another moment by {by_moment}."
        )
    return " ".join(said)


def _paths(
    comparison: PathComparison | None,
    causes: tuple[Cause, ...],
    noise: Noise,
    checks: tuple[Check, ...],
    unexplained: float,
) -> list[str]:
    said: list[str] = []
    failed = [check.name for check in checks if not check.passed]
    if failed:
        count = "One check of the model itself fails" if len(failed) == 1 else f"{len(failed)} checks of the model fail"
        said.append(f"{count}: {'; '.join(failed)}.")
    if comparison is None:
        said.append("No snapshots and no frame reader were given: there is nothing to compare the videos' frames with.")
        return said
    unmatched = sum(moment.match is None for moment in comparison.moments)
    what = "snapshots" if any(moment.snapshot for moment in comparison.moments) else "frames"
    if unmatched:
        said.append(f"{unmatched} of {len(comparison.moments)} {what} match no moment of the videos.")
    if not comparison.matched:
        return said
    flips, matched = sum(one.flipped for one in comparison.attributions), len(comparison.matched)
    change = sum(one.total for one in comparison.attributions) / matched
    if flips:
        other = "than their frame" if what == "snapshots" else "by your frame reader"
        said.append(f"{flips} of {matched} {what} {'gets' if flips == 1 else 'get'} another label {other}.")
    else:
        other = "as their frame" if what == "snapshots" else "by your frame reader"
        said.append(f"All {matched} {what} get the same label {other}.")
    if not causes:
        within = (
            "within the noise floor: the two paths agree" if change <= noise.floor else "by no cause above the noise"
        )
        said.append(f"Probabilities differ by {_percent(change)} on average, {within}.")
        return said
    if not flips:
        said.append(f"Their probabilities differ by {_percent(change)} on average.")
    known = [one for one in causes if one.cause != UNEXPLAINED]
    moving = [one for one in known if one.share >= LEAST]
    for number, cause in enumerate(moving[:LARGEST]):
        if number == 0:
            said.append(f"{_percent(cause.share)} of the change comes from {cause.cause}: {cause.sentence}.")
        else:
            said.append(f"{_percent(cause.share)} from {cause.cause} ({cause.brief}).")
    if still := [f"{one.cause} ({one.brief})" for one in known if one.share < LEAST]:
        said.append(f"Different too, without effect on these answers: {', '.join(still)}.")
    if unexplained >= 0.005:
        alone = "" if known else ": the pictures differ in a way that is none of the known ones"
        within = ", within the noise floor" if unexplained * change <= noise.floor else alone
        said.append(f"{_percent(unexplained)} unexplained{within}.")
    return said


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if abs(share) >= 0.0095 or share == 0 else f"{100 * share:.1f} %"
