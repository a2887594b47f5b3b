"""Stored predictions in; metrics, paired statistics, the verdict and advice out. No Keras, no plots."""

from stillmotion.comparison.advice import (
    finds_best_frame,
    give_advice,
    run_to_use,
    speed_text,
)
from stillmotion.comparison.comparing import compare_runs, compare_statistics
from stillmotion.comparison.comparison_file import read_comparison, write_comparison
from stillmotion.comparison.completing import complete_comparison
from stillmotion.comparison.cross_validation import join_folds, read_joined_predictions
from stillmotion.comparison.deciding import decide, decide_among
from stillmotion.comparison.evidence import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    TemporalStability,
    gather_evidence,
)
from stillmotion.comparison.example_selection import Example, select_examples
from stillmotion.comparison.example_videos import ExamplePrediction, ExampleVideo, gather_examples
from stillmotion.comparison.ladder import Ladder, Step
from stillmotion.comparison.ladder_sentences import ladder_sentence, step_sentence
from stillmotion.comparison.learning import LearningPoint, SharePredictions, compare_shares
from stillmotion.comparison.metrics import IntervalEstimate, LabelMetrics, Metrics, compute_metrics, confusion
from stillmotion.comparison.model_results import kind_of
from stillmotion.comparison.motion_evidence import require_motion_evidence
from stillmotion.comparison.per_label import LabelGain, MissedLabel, PairGain
from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.comparison.rates import RatePredictions, RateResult, compare_rates, enough_frames
from stillmotion.comparison.reading import read_predictions, read_predictions_by_seed
from stillmotion.comparison.recommendation import Recommendation, recommend
from stillmotion.comparison.records import (
    AccuracyCurves,
    Advice,
    AdviceTopic,
    Comparison,
    ContenderResult,
    DataSummary,
    ModelCost,
    ModelResult,
    SearchRecord,
    SkippedRecord,
    TrainingSummary,
)
from stillmotion.comparison.sentences import (
    ANSWER_TITLES,
    LOOKING_AGAIN,
    MIN_GROUPS,
    best_frame_text,
    correction_text,
    example_text,
    leaning_text,
    nothing_learned_text,
    one_frame_may_suffice,
    selection_text,
    shortcuts_text,
    verdict_details,
    verdict_notes,
    verdict_sentence,
)
from stillmotion.comparison.tables import compare_tables, decide_on_tables
from stillmotion.comparison.traces import PredictionTrace
from stillmotion.comparison.verdict import Contrast, Verdict, VerdictWarning
from stillmotion.runs import COMPARISON_FILE

__all__ = [
    "ANSWER_TITLES",
    "COMPARISON_FILE",
    "LOOKING_AGAIN",
    "MIN_GROUPS",
    "AccuracyCurves",
    "Advice",
    "AdviceTopic",
    "BestFrameEvidence",
    "Comparison",
    "ConditionResult",
    "ContenderResult",
    "Contrast",
    "DataSummary",
    "Evidence",
    "Example",
    "ExamplePrediction",
    "ExampleVideo",
    "ModelCost",
    "ModelResult",
    "IntervalEstimate",
    "LabelGain",
    "Ladder",
    "LearningPoint",
    "LabelMetrics",
    "Metrics",
    "MissedLabel",
    "PairGain",
    "PredictionTrace",
    "Predictions",
    "RatePredictions",
    "RateResult",
    "Recommendation",
    "SearchRecord",
    "SharePredictions",
    "SkippedRecord",
    "Step",
    "TemporalStability",
    "TrainingSummary",
    "Verdict",
    "VerdictWarning",
    "best_frame_text",
    "example_text",
    "check_same_videos",
    "compare_rates",
    "compare_runs",
    "compare_shares",
    "compare_statistics",
    "compare_tables",
    "complete_comparison",
    "correction_text",
    "compute_metrics",
    "confusion",
    "decide",
    "decide_among",
    "decide_on_tables",
    "enough_frames",
    "finds_best_frame",
    "gather_evidence",
    "gather_examples",
    "give_advice",
    "join_folds",
    "kind_of",
    "ladder_sentence",
    "leaning_text",
    "nothing_learned_text",
    "one_frame_may_suffice",
    "read_comparison",
    "read_joined_predictions",
    "read_predictions",
    "read_predictions_by_seed",
    "recommend",
    "run_to_use",
    "require_motion_evidence",
    "select_examples",
    "selection_text",
    "shortcuts_text",
    "speed_text",
    "step_sentence",
    "verdict_details",
    "verdict_notes",
    "verdict_sentence",
    "write_comparison",
]
