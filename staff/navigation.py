"""The admin's navigation: which pages there are, and who sees which."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy


def may(permission: str) -> Callable[[HttpRequest], bool]:
    """A test whether the user has this permission. The navigation shows only what they can open."""
    return lambda request: request.user.has_perm(permission)


def page(title: str, icon: str, name: str, permission: str) -> dict[str, Any]:
    """A line of the navigation; `icon` is one of Material Symbols."""
    return {"title": title, "icon": icon, "link": reverse_lazy(name), "permission": may(permission)}


CATALOG = "admin:catalog"
SIDEBAR: dict[str, Any] = {
    "navigation": [
        {"items": [{"title": "Dashboard", "icon": "monitoring", "link": reverse_lazy("admin:index")}]},
        {
            "title": "Catalogue",
            "separator": True,
            "items": [
                page("Products", "chair", f"{CATALOG}_product_changelist", "catalog.view_product"),
                page("Categories", "category", f"{CATALOG}_category_changelist", "catalog.view_category"),
                page("Tags", "sell", "admin:descriptions_tag_changelist", "descriptions.view_tag"),
                page("Synonyms", "compare_arrows", f"{CATALOG}_synonym_changelist", "catalog.view_synonym"),
                page("Attributes", "straighten", f"{CATALOG}_attributetype_changelist", "catalog.view_attributetype"),
                page("Imports", "upload_file", f"{CATALOG}_import_changelist", "catalog.add_import"),
                page("Feeds", "rss_feed", f"{CATALOG}_feed_changelist", "catalog.view_feed"),
                page("Photo addresses", "add_link", f"{CATALOG}_photoaddress_changelist", "catalog.view_photoaddress"),
            ],
        },
        {
            "title": "Search",
            "separator": True,
            "items": [
                page("Try a search", "image_search", "try-search", "search.view_space"),
                page("Searches", "history", "admin:search_query_changelist", "search.view_query"),
                page("Events", "ads_click", "admin:search_event_changelist", "search.view_event"),
                page("Days", "calendar_month", "admin:search_day_changelist", "search.view_day"),
                page("Spaces", "scatter_plot", "admin:search_space_changelist", "search.view_space"),
                page("Heads", "mystery", "admin:search_head_changelist", "search.view_head"),
                page("Rejections", "broken_image", "admin:search_rejection_changelist", "search.view_rejection"),
            ],
        },
        {
            "title": "Staff",
            "separator": True,
            "items": [
                page("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
                page("Groups", "group", "admin:auth_group_changelist", "auth.view_group"),
                page("API keys", "vpn_key", "admin:access_key_changelist", "access.view_key"),
                page("API tokens", "key", "admin:authtoken_tokenproxy_changelist", "authtoken.view_tokenproxy"),
            ],
        },
    ]
}
