"""The search API's input and output."""

import math
from typing import Any

from django.db.models import Q
from PIL import Image
from rest_framework import serializers
from rest_framework.fields import empty

from catalog.fields import PhotoField, photo_errors
from catalog.filters import MAX_QUERY_LENGTH, FilterSerializer, condition
from catalog.models import Category, Photo
from catalog.near_misses import MOST as MOST_NEAR
from catalog.near_misses import SHARE
from catalog.ranges import Ranges
from catalog.serializers import MatchedProductSerializer, MissSerializer
from ml.encoder import Encoder
from ml.images import MESSAGES, PhotoProblem, UnreadablePhoto
from search.api.explanation_serializers import ExplanationSerializer
from search.attribute_readings import How
from search.models import Space
from search.objects import MOST

ALL, AUTO = "all", "auto"
REGION_PROBLEMS = (PhotoProblem.INVALID_REGION, PhotoProblem.REGION_TOO_SMALL)


class CategoriesField(serializers.CharField):
    """Slugs separated by commas, or ``all``; becomes the set of category ids. Blank counts as left out."""

    default_error_messages = {"unknown_category": "No such category: {unknown}. Use all or one of: {known}."}

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(empty if isinstance(data, str) and not data.strip(" ,") else data)

    def to_internal_value(self, data: Any) -> frozenset[int]:  # type: ignore[override]  # A CharField on the wire only.
        slugs = {slug for slug in map(str.strip, super().to_internal_value(data).split(",")) if slug}
        known = dict(Category.objects.values_list("slug", "pk"))
        if ALL in slugs:
            return frozenset(known.values())
        if unknown := sorted(slugs - known.keys()):
            self.fail("unknown_category", unknown=", ".join(unknown), known=", ".join(sorted(known)))
        return frozenset(known[slug] for slug in slugs)


class RegionField(serializers.CharField):
    """``x,y,width,height`` as fractions of the upright photo."""

    # The cropping raises region_too_small, with a text of its own. It stands here for the schema.
    default_error_messages = {
        "invalid_region": "Give x,y,width,height as four fractions of the photo, such as 0.1,0.2,0.5,0.5.",
        "region_too_small": MESSAGES[PhotoProblem.REGION_TOO_SMALL],
    }

    def to_internal_value(self, data: Any) -> tuple[float, ...]:  # type: ignore[override]  # As above.
        parts = super().to_internal_value(data).split(",")
        try:
            numbers = tuple(float(part) for part in parts)
        except ValueError:
            numbers = ()
        if len(numbers) != 4:
            self.fail("invalid_region")
        return numbers


class MatchSerializer(FilterSerializer):
    """What narrows and ranks the matches, shared by search by photo and similar products."""

    category = CategoriesField(
        required=False,
        help_text="Slug of the category to search in, several separated by commas, or `all`: overrides the gate.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20, help_text="Products to return.")
    min_similarity = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        help_text="Leave out matches below this similarity; 0 shows any. By default each category's own threshold.",
    )

    def validate_min_similarity(self, value: float) -> float:
        if math.isnan(value):  # NaN compares with nothing, so it passes both limits.
            raise serializers.ValidationError("A valid number is required.", "invalid")
        return value

    @property
    def bounds(self) -> Ranges:
        """The bounds of numbers that the caller gave."""
        given: Ranges = self.validated_data["ranges"]
        return given

    def others(self) -> Q:
        """What a product has to be beside them."""
        return condition({**self.validated_data, "ranges": ()})

    def wanted(self) -> dict[str, Any]:
        """The arguments of `lookup.nearest` that the caller gave."""
        given = self.validated_data
        return {
            "limit": given["limit"],
            "min_similarity": given.get("min_similarity"),
            "filters": condition(given),
        }


class SimilarSerializer(MatchSerializer):
    """Needs the product in its context."""

    photo = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="Id of the product's photo to compare with; its first indexed one when left out.",
        error_messages={"does_not_exist": "This product has no such photo. Its own are at .../photos/."},
    )

    def validate_photo(self, photo: int) -> int:
        if not self.context["product"].photos.filter(pk=photo).exists():
            message = self.fields["photo"].error_messages["does_not_exist"]
            raise serializers.ValidationError(message, "does_not_exist")
        return photo


class QueryPhotoSerializer(serializers.Serializer[Any]):
    """A customer's photo, or a part of it."""

    image = PhotoField(
        help_text="The query photo: JPEG, PNG, WebP, AVIF, HEIC or GIF, at most 20 MB and 50 megapixels."
    )
    region = RegionField(
        required=False,
        help_text="Part of the photo to search with: `x,y,width,height` as fractions of the upright photo.",
    )

    def opened(self, encoder: Encoder) -> Image.Image:
        """The query photo, or its region, opened for this encoder."""
        try:
            return encoder.open(self.validated_data["image"], self.validated_data.get("region"))
        except UnreadablePhoto as error:
            with photo_errors("region" if error.code in REGION_PROBLEMS else "image"):
                raise


class SearchSerializer(QueryPhotoSerializer, MatchSerializer):
    objects = serializers.ChoiceField(
        ["1", AUTO],
        default="1",
        error_messages={"invalid_choice": f"Send 1 or {AUTO}."},
        help_text=(
            f"`1`: the photo shows one thing. `{AUTO}`: find the things in it, {MOST} at most, and answer with "
            "`objects`. A `region` is one thing."
        ),
    )
    words = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text=(
            "What differs from the photo: `but in oak`, `the same in green under 300`. Values of attributes, prices, "
            "`in stock`, categories and what follows `not` are conditions that every result meets; the rest ranks."
        ),
    )
    explain = serializers.BooleanField(
        default=False, help_text="Say why the first result matches, in its `explanation`. It takes longer."
    )

    def scene(self, encoder: Encoder) -> Image.Image:
        """The whole query photo, opened for looking for things in it."""
        with photo_errors("image"):
            return encoder.open_scene(self.validated_data["image"])

    @property
    def wants_objects(self) -> bool:
        return bool(self.validated_data["objects"] == AUTO)


class ExplainSerializer(QueryPhotoSerializer):
    photo = serializers.PrimaryKeyRelatedField(
        queryset=Photo.objects.select_related("product__category"),
        help_text="Id of the product's photo: `photo_id` of a result.",
        error_messages={
            "does_not_exist": "There is no such photo any more. Search again, and send a result's `photo_id`.",
            "incorrect_type": "Give the id of a product's photo: a number, such as a result's `photo_id`.",
        },
    )


class NumberSerializer(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="Its name, such as width_cm.")
    value = serializers.FloatField()
    unit = serializers.CharField(allow_blank=True, help_text="As the request has it; empty: it has none.")


class MatchedPhotoSerializer(serializers.Serializer[Any]):
    product = MatchedProductSerializer()
    photo = serializers.FileField(
        source="photo.file", help_text="URL of the product's photo that is nearest to the query."
    )
    photo_id = serializers.IntegerField(
        source="photo.pk", help_text="Its id, which `POST /api/v1/search/explain/` takes."
    )
    similarity = serializers.FloatField(
        help_text="0 to 1: the cosine similarity, or 1 / (1 + distance) where the metric is l2."
    )
    numbers = NumberSerializer(
        many=True, required=False, help_text="What it measures, where the request bounds numbers: those that it bounds."
    )


class TimingsField(serializers.DictField):
    """Milliseconds per stage and in total."""

    child = serializers.FloatField()


class ExplainAnswerSerializer(ExplanationSerializer):
    timings_ms = TimingsField()


class HitSerializer(MatchedPhotoSerializer):
    duplicates = MatchedPhotoSerializer(
        many=True, help_text="Further products whose nearest photo shows the same picture, 20 at most."
    )


class NearMissSerializer(MatchedPhotoSerializer):
    misses = MissSerializer(many=True)


NEAR_MISSES = (
    f"Only where the request bounds numbers: the most similar products that fail one bound, by {SHARE:.0%} of it at "
    f"most. {MOST_NEAR} at most, and none where `results` are as many as asked for."
)


class ExplainedHitSerializer(HitSerializer):
    explanation = ExplanationSerializer(
        required=False,
        allow_null=True,
        help_text=(
            "Why it matches, where the request has `explain`: of the first result; null for the others, and where the "
            "photo's file cannot be read."
        ),
    )


class LeftOutSerializer(serializers.Serializer[Any]):
    similarity = serializers.FloatField(help_text="Similarity of the best match left out.")
    category = serializers.SlugField(source="category.slug", help_text="Its category.")
    min_similarity = serializers.FloatField(help_text="Similarity that it would have needed.")
    set_by = serializers.ChoiceField(
        ["request", "category"], help_text="Who set min_similarity: the request, or the shop for the category."
    )


class GateCategorySerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    probability = serializers.FloatField(allow_null=True, help_text="null: the head has not learned this category yet.")
    searched = serializers.BooleanField()


class GateSerializer(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(
        ["classifier", "override", "open", "unknown"],
        help_text=(
            "Who chose the categories searched. classifier: the head, by the policy measured at its training. "
            "override: the request. open: nobody; all were searched, as there is no head or all that it would search "
            "was deleted. unknown: all were searched, since the photo is like nothing the shop sells."
        ),
    )
    confidence = serializers.FloatField(allow_null=True, help_text="The likeliest category's probability.")
    low_confidence = serializers.BooleanField(
        help_text=(
            "true: the photo is like nothing the shop sells, or the head is less sure than of 95 % of the shop's "
            "own photos. Show the results as a guess."
        )
    )
    categories = GateCategorySerializer(many=True)


class AnswerSerializer(serializers.Serializer[Any]):
    query_id = serializers.UUIDField(help_text="Names this query in logs and feedback.")
    space = serializers.CharField(help_text="The live space: which model made the vectors.")
    weights = serializers.CharField(help_text="imagenet, random (untrained) or path:NAME.")
    metric = serializers.ChoiceField(Space.Metric.values, help_text="How vectors are compared.")


class SimilarAnswerSerializer(AnswerSerializer):
    results = HitSerializer(many=True)
    near_misses = NearMissSerializer(many=True, required=False, help_text=NEAR_MISSES)
    left_out = LeftOutSerializer(
        allow_null=True, help_text="The best match left out for its similarity; null: nothing to show was left out."
    )
    timings_ms = TimingsField()


class ObjectSerializer(serializers.Serializer[Any]):
    box = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1),
        min_length=4,
        max_length=4,
        help_text="x, y, width, height as fractions of the upright photo.",
    )
    category = serializers.SlugField(
        allow_null=True,
        help_text="The likeliest category; null: there is no head yet, or all that it learned was deleted.",
    )
    confidence = serializers.FloatField(
        allow_null=True,
        help_text=(
            "How likely the box shows a thing of that category, by the space's detector; null where none knows it. Of "
            "a photo or region taken for one thing, the category's probability; null before there is a head."
        ),
    )
    searched = serializers.ListField(child=serializers.SlugField(), help_text="The categories searched for it.")
    results = HitSerializer(many=True)
    left_out = LeftOutSerializer(
        allow_null=True, help_text="The best match left out for its similarity; null: nothing to show was left out."
    )


class WordConditionSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="The part of `words`, as it was sent.")
    spans = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text=(
            "Where it stands in `words`, each time it is said: the number of its first letter, and of the one behind "
            "its last, in Unicode code points. Without these parts the condition is gone."
        ),
    )
    kind = serializers.ChoiceField(["attribute", "price", "stock", "category"])
    names = serializers.ListField(
        child=serializers.CharField(),
        help_text="Attributes, any of which may have a value, or the filters that say the same.",
    )
    values = serializers.ListField(
        child=serializers.CharField(),
        help_text="The values that it stands for, the 20 commonest at most, or the filters'.",
    )
    how = serializers.ChoiceField(
        [one.name.lower() for one in How],
        help_text=(
            "How it was understood. exact: it is a value, or said plainly. part: of a value that is a list. synonym: "
            "the shop's. colour, material: values of that colour or material. Of several, the least sure."
        ),
    )
    negated = serializers.BooleanField(help_text="Whether no result meets it.")
    loosened = serializers.BooleanField(help_text="Whether nothing met it, so that results need not.")


class PhotoWordsSerializer(serializers.Serializer[Any]):
    understood = WordConditionSerializer(many=True, help_text="The conditions, in the order they were sent.")
    ranked_by = serializers.CharField(allow_null=True, help_text="The words that rank by their meaning; null: none do.")
    not_understood = serializers.ListField(child=serializers.CharField(), help_text="What counts for nothing.")
    matches = serializers.IntegerField(
        help_text="Products in the categories searched that meet the filters and what was not loosened; 10,000 at most."
    )


class SearchAnswerSerializer(AnswerSerializer):
    words = PhotoWordsSerializer(allow_null=True, help_text="What `words` were taken for; null: none were sent.")
    gate = GateSerializer()
    objects = ObjectSerializer(
        many=True,
        required=False,
        help_text=(
            "Only with `objects=auto`: the things in the photo, best first. One where the photo shows one thing or "
            "none was found: then it is the whole photo, or the region. A basket can be made of them for an hour."
        ),
    )
    results = ExplainedHitSerializer(many=True)
    near_misses = NearMissSerializer(many=True, required=False, help_text=NEAR_MISSES)
    left_out = LeftOutSerializer(
        allow_null=True, help_text="The best match left out for its similarity; null: nothing to show was left out."
    )
    timings_ms = TimingsField()
