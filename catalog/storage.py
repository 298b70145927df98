"""Storage for files that nobody may fetch."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler


class PrivateStorage(FileSystemStorage):
    """Keeps files in settings.IMPORTS_ROOT. Only the owner of the processes may read them, and no URL leads there."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> Path:
        return Path(settings.IMPORTS_ROOT)

    @property
    def location(self) -> str:
        return str(self.base_location.absolute())

    @property
    def base_url(self) -> None:  # type: ignore[override]
        return None


def private_storage() -> PrivateStorage:
    return PrivateStorage()


class PrivateUpload(TemporaryUploadedFile):
    """An upload that is written where it will be stored, so that storing 1 GB is a rename."""

    def __init__(self, name: str | None, *about: Any) -> None:
        folder = private_storage().base_location
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = NamedTemporaryFile(suffix=".upload", dir=folder)  # noqa: SIM115  whoever reads the request closes it
        UploadedFile.__init__(self, file, name, *about)


class PrivateUploadHandler(TemporaryFileUploadHandler):
    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = PrivateUpload(self.file_name, self.content_type, 0, self.charset, self.content_type_extra)
