"""What a data set holds, and what is wrong with it."""

from stillmotion.inspection.contact_sheet import write_contact_sheet
from stillmotion.inspection.duplicates import DuplicatePair, copies, near_duplicates
from stillmotion.inspection.inspecting import Inspection, inspect_videos
from stillmotion.inspection.shortcuts import SHORTCUT_NAMES, Shortcut, ShortcutKind, describe_shortcuts, find_shortcuts

__all__ = [
    "SHORTCUT_NAMES",
    "DuplicatePair",
    "Inspection",
    "Shortcut",
    "ShortcutKind",
    "copies",
    "describe_shortcuts",
    "find_shortcuts",
    "inspect_videos",
    "near_duplicates",
    "write_contact_sheet",
]
