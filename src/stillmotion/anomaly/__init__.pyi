from .alarms import Alarm as Alarm, AlarmFinder as AlarmFinder
from .detector import Detector as Detector, load_detector as load_detector
from .fitting import fit_anomaly_detector as fit_anomaly_detector
from .promise import Promise as Promise, read_promise as read_promise
from .scoring import Score as Score, score_source as score_source
from .testing import DetectorTest as DetectorTest, read_truth as read_truth, test_detector as test_detector
