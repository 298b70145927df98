"""Every URL of the site."""

import errno
import mimetypes

from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import include, path, re_path
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.cache import cache_control

from catalog.models import Photo
from catalog.storage import StoredPhotoError
from operations.monitoring.endpoint import metrics
from search.api import documentation, health

# What a system says of a name that no file has, or that none could have.
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}


@cache_control(public=True, max_age=31_536_000, immutable=True)
def stored_photo(request: HttpRequest, path: str) -> HttpResponseBase:
    """A photo of the catalogue. It never changes: its name is its hash. Raises StoredPhotoError."""
    try:
        with Photo._meta.get_field("file").storage.open(path) as file:
            photo = file.read()
    except (ValueError, SuspiciousFileOperation) as error:
        raise Http404 from error
    except OSError as error:
        if error.errno in NO_FILE:
            raise Http404 from error
        raise StoredPhotoError(f"A photo cannot be read: {error.strerror or error}", transient=True) from error
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    etag = quote_etag(path)
    answer = HttpResponse(photo, content_type=kind, headers={"Content-Length": len(photo), "ETag": etag})
    return get_conditional_response(request, etag, response=answer) or answer


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
