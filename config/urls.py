"""Every URL of the site."""

from functools import partial

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.static import serve

from catalog.storage_deadline import READS, StorageSilent
from operations.monitoring.endpoint import metrics
from search.api import documentation, health


@cache_control(public=True, max_age=31_536_000, immutable=True)
def stored_photo(request: HttpRequest, path: str) -> HttpResponseBase:
    """A photo of the catalogue. It never changes: its name is its hash. Raises StorageSilent."""
    try:
        return READS.call(partial(_read, request, path), path)
    except StorageSilent:
        raise
    except (OSError, ValueError, SuspiciousFileOperation) as error:  # A name that no file system takes.
        raise Http404 from error


def _read(request: HttpRequest, path: str) -> HttpResponseBase:
    """The whole photo, a few hundred kB: a disk that hangs in the middle of a file would hold the server's own loop."""
    answer = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    if isinstance(answer, FileResponse) and (file := answer.file_to_stream):
        with file:
            return HttpResponse(file.read(), headers=answer.headers)
    return answer  # The browser has it.


handler400 = "search.api.errors.bad_request"
handler404 = "search.api.errors.not_found"
handler500 = "search.api.errors.server_error"

urlpatterns = [
    path("admin/", include("staff.urls")),
    path("api/v1/", include("search.api.urls")),
    path("api/v1/", include("catalog.urls")),
    path("api/schema/", documentation.SchemaView.as_view(), name="schema"),
    path("api/docs/", documentation.DocsView.as_view(url_name="schema"), name="docs"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    re_path(r"^media/(?P<path>.*)$", stored_photo),
    path("", include("storefront.urls")),
]
