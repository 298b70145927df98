from django.urls import path

from search.api import baskets, events, explanations, views

urlpatterns = [
    path("search/", views.SearchView.as_view(), name="search"),
    path("search/explain/", explanations.ExplainView.as_view(), name="search-explain"),
    path("search/text/", views.TextSearchView.as_view(), name="search-text"),
    path("products/<str:sku>/similar/", views.SimilarView.as_view(), name="similar"),
    path("baskets/", baskets.BasketView.as_view(), name="baskets"),
    path("events/", events.EventView.as_view(), name="events"),
    path("index/", views.IndexView.as_view(), name="index"),
]
