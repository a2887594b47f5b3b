"""Which videos, labels and groups there are, and how they are split."""

from stillmotion.data.class_names import read_class_names
from stillmotion.data.grouping import AlikeNames, find_alike_names
from stillmotion.data.overlaps import shared_groups, shared_videos
from stillmotion.data.reading import as_videos, check_labeled, check_name, check_names, list_videos, read_videos
from stillmotion.data.splitting import FRACTIONS, divide_by_group, split, split_folds, straddling_groups
from stillmotion.data.videos import PARTS, Part, Video, Videos

__all__ = [
    "FRACTIONS",
    "PARTS",
    "AlikeNames",
    "Part",
    "Video",
    "Videos",
    "as_videos",
    "check_labeled",
    "check_name",
    "check_names",
    "divide_by_group",
    "find_alike_names",
    "list_videos",
    "read_class_names",
    "read_videos",
    "shared_groups",
    "shared_videos",
    "split",
    "split_folds",
    "straddling_groups",
]
