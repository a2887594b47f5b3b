"""What a data set holds, and what is wrong with it."""

from stillmotion.inspection.duplicates import Pair, copies, near_duplicates
from stillmotion.inspection.looking import Inspection, look_over
from stillmotion.inspection.sheet import write_contact_sheet
from stillmotion.inspection.shortcuts import Shortcut, describe_shortcuts, find_shortcuts

__all__ = [
    "Inspection", "Pair", "Shortcut", "copies", "describe_shortcuts", "find_shortcuts", "look_over",
    "near_duplicates", "write_contact_sheet",
]  # fmt: skip
