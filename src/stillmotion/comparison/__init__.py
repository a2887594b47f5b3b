"""Stored predictions in; metrics, paired statistics and the verdict out. No Keras, no plots."""

from stillmotion.comparison.comparing import compare, decide_on_tables, kind_of
from stillmotion.comparison.cross_validation import join_folds
from stillmotion.comparison.evidence import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    TemporalStability,
    gather_evidence,
)
from stillmotion.comparison.example_selection import Example, select_examples
from stillmotion.comparison.example_videos import ExamplePrediction, ExampleVideo, PredictionTrace, gather_examples
from stillmotion.comparison.metrics import IntervalEstimate, LabelMetrics, Metrics, compute_metrics, confusion
from stillmotion.comparison.per_label import LabelGain, PairGain
from stillmotion.comparison.predictions import (
    Predictions,
    check_same_videos,
    read_predictions,
    read_predictions_by_seed,
)
from stillmotion.comparison.recommending import Recommendation, recommend
from stillmotion.comparison.records import Comparison, FamilyResult, read_comparison, write_comparison
from stillmotion.comparison.verdict import Contrast, Verdict, decide, decide_among, require_motion_evidence

__all__ = [
    "BestFrameEvidence",
    "Comparison",
    "ConditionResult",
    "Contrast",
    "Evidence",
    "Example",
    "ExamplePrediction",
    "ExampleVideo",
    "FamilyResult",
    "IntervalEstimate",
    "LabelGain",
    "LabelMetrics",
    "Metrics",
    "PairGain",
    "PredictionTrace",
    "Predictions",
    "Recommendation",
    "TemporalStability",
    "Verdict",
    "check_same_videos",
    "compare",
    "compute_metrics",
    "confusion",
    "decide",
    "decide_among",
    "decide_on_tables",
    "gather_evidence",
    "gather_examples",
    "join_folds",
    "kind_of",
    "read_comparison",
    "read_predictions",
    "read_predictions_by_seed",
    "recommend",
    "require_motion_evidence",
    "select_examples",
    "write_comparison",
]
