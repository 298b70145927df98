from operator import attrgetter
from typing import Any

from django.db import DataError
from django.utils.text import slugify
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from drf_standardized_errors.openapi_serializers import ClientErrorEnum, ServerErrorEnum
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from catalog import shown_fields
from catalog.fields import PhotoField, SlugField
from catalog.models import Category, Photo, Product
from catalog.near_misses import MOST, SHARE
from catalog.validators import reserved_slug_validator


class CategorySerializer(serializers.ModelSerializer):
    # Declared, because DRF would check a Unicode slug twice and report it twice.
    slug = SlugField(
        max_length=64,
        required=False,
        validators=[reserved_slug_validator, UniqueValidator(Category.objects.all())],
        help_text="Made from the name when left out.",
    )
    product_count = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Category
        fields = ["slug", "name", "product_count"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Make a new category's slug from its name if none is given. The same rules check it."""
        if self.instance is None and "slug" not in attrs:
            try:
                attrs["slug"] = self.fields["slug"].run_validation(slugify(attrs["name"], allow_unicode=True))
            except serializers.ValidationError as error:
                raise serializers.ValidationError({"slug": error.detail}) from error
        return attrs


class PhotoSerializer(serializers.ModelSerializer):
    file = serializers.FileField(read_only=True, help_text="Where the photo is served.")

    class Meta:
        model = Photo
        fields = ["id", "file", "sha256", "width", "height", "position", "created_at"]
        read_only_fields = fields


# They are decoded one after the other while the sender waits.
MAX_UPLOADS = 20


class PhotoUploadSerializer(serializers.Serializer):
    image = serializers.ListField(
        child=PhotoField(),
        allow_empty=False,
        max_length=MAX_UPLOADS,
        help_text=f"One to {MAX_UPLOADS} photos, all under this same name.",
    )


class CategoryField(serializers.SlugRelatedField):
    default_error_messages = {"does_not_exist": "There is no category {value}: create it first."}

    def to_internal_value(self, data: Any) -> Category:
        try:
            return super().to_internal_value(data)
        except DataError:  # a NUL: without this the answer would not name the field
            self.fail("invalid")


ATTRIBUTES_SCHEMA = {
    "type": "object",
    "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
    "example": {"color": "Oak", "width": 80},
}


@extend_schema_field(ATTRIBUTES_SCHEMA)
class ProductAttributesField(serializers.JSONField):
    pass


@extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}, "example": {"width_cm": 46.0}})
class NumbersField(serializers.Field):
    """The numbers of a product by name."""

    def to_representation(self, rows: Any) -> dict[str, float]:
        return {row.name: row.value for row in sorted(rows.all(), key=attrgetter("name"))}


class ProductSerializer(serializers.ModelSerializer):
    category = CategoryField(slug_field="slug", queryset=Category.objects.all(), help_text="The category's slug.")
    photos = PhotoSerializer(many=True, read_only=True)
    numbers = NumbersField(
        read_only=True,
        help_text="Read from attributes, description and name: what filters such as width_cm_max compare.",
    )

    class Meta:
        model = Product
        fields = (*Product.EDITABLE, "numbers", "caption", "caption_source", "photos", "created_at", "updated_at")
        extra_kwargs = {"attributes": {"help_text": "A flat object: text, numbers, true or false."}}

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        return (ProductAttributesField if field_name == "attributes" else field_class), kwargs


class CategoryCountSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class StockCountSerializer(serializers.Serializer):
    value = serializers.BooleanField()
    count = serializers.IntegerField()


class PriceRangeSerializer(serializers.Serializer):
    min = serializers.DecimalField(12, 2)
    max = serializers.DecimalField(12, 2)


class ValueCountSerializer(serializers.Serializer):
    value = serializers.CharField(help_text="As `attributes=name:value` takes it.")
    count = serializers.IntegerField()


class AttributeCountSerializer(serializers.Serializer):
    name = serializers.CharField()
    values = ValueCountSerializer(many=True, help_text="The commonest first, 50 at most.")


class BucketSerializer(serializers.Serializer):
    min = serializers.FloatField(help_text="From here on.")
    max = serializers.FloatField(help_text="Up to here; what measures just as much is in the next bucket.")
    count = serializers.IntegerField()


class NumberCountSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="As `<name>_min` and `<name>_max` take it.")
    unit = serializers.CharField(allow_blank=True, help_text="What it is counted in; empty: it has no unit.")
    count = serializers.IntegerField(help_text="Products that have the number.")
    min = serializers.FloatField(help_text="The least.")
    max = serializers.FloatField(help_text="The greatest.")
    buckets = BucketSerializer(many=True, help_text="From the least to the greatest, with round bounds; 8 at most.")


class FacetsSerializer(serializers.Serializer):
    """Each facet is counted as if its own filter were not set. Categories, names and values without a match are left
    out."""

    counted = serializers.IntegerField(
        help_text="Products whose attributes and numbers were counted: all that match, or a sample of 10,000. "
        "All other facets count every match."
    )
    categories = CategoryCountSerializer(many=True)
    in_stock = StockCountSerializer(many=True)
    price = PriceRangeSerializer(allow_null=True, help_text="null: nothing that matches has a price.")
    attributes = AttributeCountSerializer(
        many=True, help_text="The commonest names first, 20 at most, without those that are numbers."
    )
    numbers = NumberCountSerializer(many=True, help_text="Those that most products have first, 20 at most.")


class MatchedProductSerializer(serializers.ModelSerializer[Product]):
    category = serializers.SlugRelatedField[Category](slug_field="slug", read_only=True)

    class Meta:
        model = Product
        fields = shown_fields.FIELDS


class MissSerializer(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="Its name, such as width_cm.")
    by = serializers.FloatField(help_text="By how much the product fails the bound.")
    unit = serializers.CharField(allow_blank=True, help_text="As the request has it; empty: it has none.")
    text = serializers.CharField(help_text="The same in words: 2 cm too wide.")


class NearProductSerializer(serializers.Serializer):
    product = MatchedProductSerializer()
    photo = serializers.URLField(allow_null=True, help_text="URL of the product's first photo; null: it has none.")
    misses = MissSerializer(many=True)


@extend_schema_serializer(many=False)
class PageSerializer(serializers.Serializer):
    """The fields that every answer in pages has beside its results."""

    count = serializers.IntegerField(help_text="Matches on all pages.")
    next = serializers.URLField(allow_null=True, help_text="The next page; null: this is the last.")
    previous = serializers.URLField(allow_null=True)
    facets = FacetsSerializer(allow_null=True, help_text="null unless the request has facets=true.")
    near_misses = NearProductSerializer(
        many=True,
        required=False,
        help_text=f"Only where the request bounds numbers: products that fail one bound, by {SHARE:.0%} of it at most. "
        f"{MOST} at most, and none on a page that is full.",
    )


@extend_schema_serializer(many=False)
class ProductPageSerializer(PageSerializer):
    results = ProductSerializer(many=True)


class ClientErrorSerializer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class ClientErrorAnswerSerializer(serializers.Serializer):
    """The shape of the answers 409 and 413, for the API's schema."""

    type = serializers.ChoiceField(choices=ClientErrorEnum.choices)
    errors = ClientErrorSerializer(many=True)  # type: ignore[assignment]  # hides Serializer.errors


class ServerErrorAnswerSerializer(ClientErrorAnswerSerializer):
    """The shape of the answers 503 and 507, for the API's schema."""

    type = serializers.ChoiceField(choices=ServerErrorEnum.choices)
