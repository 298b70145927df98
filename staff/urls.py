"""The admin's addresses: Django's own, and those of pages that belong to no model."""

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from staff import try_search

admin.site.index_template = "staff/dashboard.html"


def search_app(request: HttpRequest) -> HttpResponseBase:
    """Lists the admin's pages of the app `search`. Unfold's search box sends what is typed to the same address."""
    if "extended" in request.GET:
        return admin.site.search(request)  # type: ignore[attr-defined]  # Unfold's site.
    return admin.site.app_index(request, "search")


urlpatterns = [
    path("try/", try_search.view, name="try-search"),
    path("search/", admin.site.admin_view(search_app)),
    path("", admin.site.urls),
]
