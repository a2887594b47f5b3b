"""What a data set holds, and what is wrong with it."""

from stillmotion.inspection.contact_sheet import write_contact_sheet
from stillmotion.inspection.duplicates import DuplicatePair, copies, near_duplicates
from stillmotion.inspection.inspecting import Inspection, inspect_videos
from stillmotion.inspection.shortcuts import Shortcut, describe_shortcuts, find_shortcuts

__all__ = [
    "DuplicatePair",
    "Inspection",
    "Shortcut",
    "copies",
    "describe_shortcuts",
    "find_shortcuts",
    "inspect_videos",
    "near_duplicates",
    "write_contact_sheet",
]
