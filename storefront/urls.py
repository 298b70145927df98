from django.urls import path

from storefront import example, views, widget_file

app_name = "storefront"
urlpatterns = [
    path("", views.page, name="page"),
    path("products/<str:sku>/", views.page, name="product"),
    path("widget.js", widget_file.widget, name="widget"),
    path("example/", example.page, name="example"),
    path("samples/<str:name>", views.sample, name="sample"),
]
