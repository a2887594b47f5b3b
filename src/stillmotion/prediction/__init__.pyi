from .adopting import adopt_model as adopt_model, check_adoptable as check_adoptable
from .alarm_streams import (
    AlarmStreamResult as AlarmStreamResult,
    AlarmStreamStats as AlarmStreamStats,
    stream_alarms as stream_alarms,
)
from .clip_models import ClipModel as ClipModel, load_clip_model as load_clip_model
from .converting import Conversion as Conversion, convert_model as convert_model
from .costs import measure_cost as measure_cost, measure_memory as measure_memory
from .describing import describe_model as describe_model
from .evaluating import evaluate as evaluate, predict_labeled as predict_labeled, record_cost as record_cost
from .event_records import Event as Event, EventNotice as EventNotice
from .events import EventDetector as EventDetector
from .exporting import Export as Export, export_model as export_model
from .inputs import find_inputs as find_inputs
from .live import (
    StreamUpdate as StreamUpdate,
    stream as stream,
    stream_updates as stream_updates,
)
from .over_time import predict_over_time as predict_over_time
from .perturbations import PERTURBATIONS as PERTURBATIONS, evaluate_perturbed as evaluate_perturbed
from .recording import StreamResult as StreamResult, stream_to as stream_to
from .records import VideoPrediction as VideoPrediction
from .tables import (
    check_ending as check_ending,
    evaluation_rows as evaluation_rows,
    prediction_rows as prediction_rows,
    write_rows as write_rows,
)
from .time_budget import LabelTime as LabelTime, time_budget as time_budget
from .videos import predict as predict
from .window_predictor import StreamStats as StreamStats
