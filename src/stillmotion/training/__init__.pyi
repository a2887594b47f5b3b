from .batches import TrainingClips as TrainingClips
from .batches import ValidationClips as ValidationClips
from .efforts import (
    EFFORTS as EFFORTS,
)
from .efforts import (
    TRIAL_FRACTION as TRIAL_FRACTION,
)
from .efforts import (
    Change as Change,
)
from .efforts import (
    Trial as Trial,
)
from .efforts import (
    apply_change as apply_change,
)
from .efforts import (
    choose_trial as choose_trial,
)
from .efforts import (
    describe_trial as describe_trial,
)
from .efforts import (
    shorten_for_trial as shorten_for_trial,
)
from .efforts import (
    trial_recipes as trial_recipes,
)
from .efforts import (
    with_clip_spec as with_clip_spec,
)
from .fitting import train as train
from .recipes import make_recipe as make_recipe
from .searching import epochs_within as epochs_within
from .searching import search as search
from .timing import epochs_that_fit as epochs_that_fit
from .timing import shorten_for_timing as shorten_for_timing
