from .anomaly import (
    AddedFootage as AddedFootage,
    Detector as Detector,
    DetectorEvaluation as DetectorEvaluation,
    FaultSimulation as FaultSimulation,
    Score as Score,
    acknowledge_alarm as acknowledge_alarm,
    add_normal_footage as add_normal_footage,
    evaluate_detector as evaluate_detector,
    fit_anomaly_detector as fit_anomaly_detector,
    load_detector as load_detector,
    read_detector_evaluation as read_detector_evaluation,
    read_simulation as read_simulation,
    score_source as score_source,
    simulate_faults as simulate_faults,
)
from .archive import ArchiveResult as ArchiveResult, predict_archive as predict_archive
from .audit import Audit as Audit, audit_model as audit_model, read_audit as read_audit, tone_map as tone_map
from .clips import (
    Augment as Augment,
    ClipSpec as ClipSpec,
    OpenedVideos as OpenedVideos,
    Segment as Segment,
    SkippedVideo as SkippedVideo,
    choose_rate as choose_rate,
    open_videos as open_videos,
)
from .comparison import (
    Comparison as Comparison,
    Predictions as Predictions,
    Verdict as Verdict,
    compare_runs as compare_runs,
    compare_tables as compare_tables,
    complete_comparison as complete_comparison,
    compute_metrics as compute_metrics,
    decide as decide,
    decide_among as decide_among,
    decide_on_tables as decide_on_tables,
    read_comparison as read_comparison,
    read_predictions as read_predictions,
    read_predictions_by_seed as read_predictions_by_seed,
    select_examples as select_examples,
    write_comparison as write_comparison,
)
from .data import (
    Video as Video,
    Videos as Videos,
    read_videos as read_videos,
    split as split,
    split_folds as split_folds,
)
from .demo import make_anomaly_data as make_anomaly_data, make_demo_data as make_demo_data
from .errors import (
    CancelledError as CancelledError,
    StillmotionError as StillmotionError,
    UnreadableVideoError as UnreadableVideoError,
    UsageError as UsageError,
)
from .experiments import (
    run_comparison as run_comparison,
    run_evaluation as run_evaluation,
    run_training as run_training,
)
from .features import (
    FeatureRequest as FeatureRequest,
    FrameFeatures as FrameFeatures,
    cached_features as cached_features,
    extract_features as extract_features,
)
from .inspection import (
    Inspection as Inspection,
    Shortcut as Shortcut,
    find_shortcuts as find_shortcuts,
    inspect_videos as inspect_videos,
)
from .models import FAMILIES as FAMILIES, build_model as build_model
from .models.cards import ModelCard as ModelCard
from .models.pretrained import (
    BACKBONES as BACKBONES,
    Backbone as Backbone,
    available_backbones as available_backbones,
    build_backbone as build_backbone,
)
from .prediction import (
    AlarmStreamResult as AlarmStreamResult,
    Event as Event,
    EventDetector as EventDetector,
    EventNotice as EventNotice,
    LabelTime as LabelTime,
    StreamResult as StreamResult,
    StreamUpdate as StreamUpdate,
    VideoPrediction as VideoPrediction,
    adopt_model as adopt_model,
    convert_model as convert_model,
    describe_model as describe_model,
    evaluate as evaluate,
    evaluate_perturbed as evaluate_perturbed,
    export_model as export_model,
    load_clip_model as load_clip_model,
    predict as predict,
    predict_over_time as predict_over_time,
    stream as stream,
    stream_alarms as stream_alarms,
    stream_to as stream_to,
    stream_updates as stream_updates,
    time_budget as time_budget,
)
from .progress import Progress as Progress
from .reports import (
    write_anomaly_report as write_anomaly_report,
    write_report as write_report,
    write_summary as write_summary,
)
from .runs import Recipe as Recipe, Run as Run, read_run as read_run
from .streaming import WindowPrediction as WindowPrediction, stream_model as stream_model
from .training import (
    VideoDataset as VideoDataset,
    make_recipe as make_recipe,
    train as train,
    video_dataset_from_directory as video_dataset_from_directory,
)

__version__: str
