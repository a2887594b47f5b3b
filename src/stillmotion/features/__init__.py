"""The features that frozen backbones give for frames. Each frame goes through a backbone once, and is kept on disk."""

from stillmotion.features.extraction import FeatureRequest, cached_features, extract_features
from stillmotion.features.feature_clips import read_feature_clips
from stillmotion.features.frame_features import FrameFeatures

__all__ = [
    "FeatureRequest",
    "FrameFeatures",
    "cached_features",
    "extract_features",
    "read_feature_clips",
]
