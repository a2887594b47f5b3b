from .adding import (
    AddedFootage as AddedFootage,
    acknowledge_alarm as acknowledge_alarm,
    add_normal_footage as add_normal_footage,
)
from .alarms import Alarm as Alarm, AlarmFinder as AlarmFinder
from .detector import Detector as Detector, is_detector as is_detector, load_detector as load_detector
from .evaluating import (
    DetectorEvaluation as DetectorEvaluation,
    evaluate_detector as evaluate_detector,
    read_truth as read_truth,
)
from .fitting import fit_anomaly_detector as fit_anomaly_detector
from .promise import Promise as Promise, read_promise as read_promise
from .scoring import Score as Score, score_source as score_source
