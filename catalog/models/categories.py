"""What products are sorted into."""

from collections.abc import Iterable
from typing import Any, Self

from django.db import models

from catalog.validators import reserved_slug_validator


class CategoryQuerySet(models.QuerySet["Category"]):
    def with_product_counts(self) -> Self:
        # Ordered here: Django drops Meta.ordering from queries that group.
        return self.annotate(product_count=models.Count("products")).order_by("name", "slug")

    def meant_by(self, name: str, slug: str) -> "Category | None":
        """The category that a catalogue means by a name with this slug: it is or was called so, or has the slug."""
        name = name.casefold()
        was_called = models.Q(former_names__contains=[name])
        found = self.filter(models.Q(slug=slug) | models.Q(name__iexact=name) | was_called)

        def certainty(category: Category) -> tuple[bool, bool, bool, int]:
            by_slug = category.slug == slug == name
            return category.name.casefold() == name, by_slug, name in category.former_names, -category.pk

        return max(found, key=certainty, default=None)


class Category(models.Model):
    slug = models.SlugField(max_length=64, unique=True, allow_unicode=True, validators=[reserved_slug_validator])
    name = models.CharField(max_length=100)
    former_names = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        editable=False,
        help_text="Names that it had before, in small letters: catalogues that are imported again may still use them.",
    )
    product_count: int  # only from with_product_counts()

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Keeps the name that it had, if this is another."""
        if self.pk and (update_fields is None or "name" in update_fields):
            had = Category.objects.filter(pk=self.pk).values_list("name", flat=True).first()
            if had is not None and had != self.name:
                now, before = self.name.casefold(), had.casefold()
                self.former_names = [name for name in dict.fromkeys([*self.former_names, before]) if name != now]
                update_fields = None if update_fields is None else {*update_fields, "former_names"}
        super().save(*args, update_fields=update_fields, **options)
