from .batches import TrainingClips as TrainingClips, ValidationClips as ValidationClips
from .devices import Devices as Devices, find_devices as find_devices
from .directory_dataset import (
    VideoDataset as VideoDataset,
    video_dataset_from_directory as video_dataset_from_directory,
)
from .efforts import (
    EFFORTS as EFFORTS,
    TRIAL_FRACTION as TRIAL_FRACTION,
    Change as Change,
    Trial as Trial,
    apply_change as apply_change,
    choose_trial as choose_trial,
    describe_trial as describe_trial,
    shorten_for_trial as shorten_for_trial,
    trial_recipes as trial_recipes,
    with_clip_spec as with_clip_spec,
)
from .fitting import train as train
from .recipes import (
    FamilySettings as FamilySettings,
    frozen_backbone as frozen_backbone,
    make_recipe as make_recipe,
    name_family as name_family,
    suit_epochs as suit_epochs,
)
from .timing import epochs_that_fit as epochs_that_fit, epochs_within as epochs_within
