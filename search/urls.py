from django.urls import path

from search import views

urlpatterns = [
    path("search/", views.SearchView.as_view(), name="search"),
    path("products/<str:sku>/similar/", views.SimilarView.as_view(), name="similar"),
    path("index/", views.IndexView.as_view(), name="index"),
]
