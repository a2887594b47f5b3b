from .listing import list_archive as list_archive
from .models import ArchiveModel as ArchiveModel, prepare_model as prepare_model
from .predicting import ArchiveResult as ArchiveResult, predict_archive as predict_archive, run_archive as run_archive
from .records import ArchiveFile as ArchiveFile, FileFailure as FileFailure
from .store import ResultStore as ResultStore
