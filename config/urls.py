"""Every URL of the site."""

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.static import serve
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from search import health, trial


@cache_control(public=True, max_age=31_536_000, immutable=True)
def stored_photo(request: HttpRequest, path: str) -> HttpResponseBase:
    """A photo of the catalogue. It never changes: its name is its hash."""
    try:
        return serve(request, path, document_root=str(settings.MEDIA_ROOT))
    except (OSError, ValueError, SuspiciousFileOperation) as error:  # A name that no file system takes.
        raise Http404 from error


def search_app(request: HttpRequest) -> HttpResponseBase:
    """The admin's list of search's pages. Unfold's search box sends what is typed to the same address."""
    if "extended" in request.GET:
        return admin.site.search(request)  # type: ignore[attr-defined]  # Unfold's site.
    return admin.site.app_index(request, "search")


handler400 = "search.errors.bad_request"
handler404 = "search.errors.not_found"
handler500 = "search.errors.server_error"

admin.site.index_template = "search/dashboard.html"

urlpatterns = [
    path("admin/try/", trial.view, name="try-search"),
    path("admin/search/", admin.site.admin_view(search_app)),
    path("admin/", admin.site.urls),
    path("api/v1/", include("search.urls")),
    path("api/v1/", include("catalog.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    re_path(r"^media/(?P<path>.*)$", stored_photo),
    path("", include("storefront.urls")),
]
