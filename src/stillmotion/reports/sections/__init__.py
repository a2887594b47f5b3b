"""The sections of the page, in order. A section is a module, a template and a row here."""

from collections.abc import Mapping
from types import MappingProxyType

from stillmotion.reports.rendering import Section
from stillmotion.reports.sections.accuracy import ACCURACY
from stillmotion.reports.sections.confusion import CONFUSION
from stillmotion.reports.sections.contenders import CONTENDERS
from stillmotion.reports.sections.cost import COST
from stillmotion.reports.sections.data import DATA
from stillmotion.reports.sections.evidence import EVIDENCE
from stillmotion.reports.sections.example_videos import EXAMPLE_VIDEOS
from stillmotion.reports.sections.glossary import GLOSSARY
from stillmotion.reports.sections.labels import LABELS
from stillmotion.reports.sections.learning import LEARNING
from stillmotion.reports.sections.rates import RATES
from stillmotion.reports.sections.search import SEARCH
from stillmotion.reports.sections.training import TRAINING
from stillmotion.reports.sections.verdict import VERDICT

SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        "verdict": VERDICT,
        "example_videos": EXAMPLE_VIDEOS,
        "accuracy": ACCURACY,
        "labels": LABELS,
        "evidence": EVIDENCE,
        "rates": RATES,
        "learning": LEARNING,
        "confusion": CONFUSION,
        "cost": COST,
        "contenders": CONTENDERS,
        "search": SEARCH,
        "training": TRAINING,
        "data": DATA,
        "glossary": GLOSSARY,
    }
)
