from .listing import ArchiveFile as ArchiveFile, list_archive as list_archive
from .models import ArchiveModel as ArchiveModel, prepare_model as prepare_model
from .predicting import ArchiveResult as ArchiveResult, predict_archive as predict_archive, run_archive as run_archive
from .records import FileFailure as FileFailure
from .store import ResultStore as ResultStore
