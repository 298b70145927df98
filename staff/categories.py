"""The categories of the catalogue."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Category
from staff.lists import StaffModelAdmin


@admin.register(Category)
class CategoryAdmin(StaffModelAdmin):
    list_display = ["name", "slug", "products"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return Category.objects.with_product_counts()

    @admin.display(ordering="product_count")
    def products(self, category: Category) -> int:
        return category.product_count
