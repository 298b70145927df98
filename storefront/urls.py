from django.urls import path

from storefront import views

app_name = "storefront"
urlpatterns = [
    path("", views.page, name="page"),
    path("products/<str:sku>/", views.page, name="product"),
    path("samples/<str:name>", views.sample, name="sample"),
]
