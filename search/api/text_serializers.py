"""The input and output of the search by words."""

from enum import StrEnum
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from catalog.filters import MAX_QUERY_LENGTH, WORDS, FindSerializer
from catalog.serializers import MatchedProductSerializer, PageSerializer
from search.api.serializers import TimingsField


class Mode(StrEnum):
    """What finds products."""

    BOTH = "both"
    WORDS = "words"
    MEANING = "meaning"


class TextSearchSerializer(FindSerializer):
    q = serializers.CharField(allow_blank=True, max_length=MAX_QUERY_LENGTH, help_text=WORDS)
    mode = serializers.ChoiceField(
        [*Mode],
        default=Mode.BOTH,
        error_messages={"invalid_choice": "Send both, words or meaning."},
        help_text=(
            "What finds products. words: their texts have the words. meaning: their texts mean something similar. "
            "both: those with the words come first."
        ),
    )

    def validate_q(self, words: str) -> str:
        if not words:
            raise serializers.ValidationError(self.fields["q"].error_messages["required"], "required")
        return words


class SegmentSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(trim_whitespace=False)
    match = serializers.BooleanField()


class HighlightSerializer(serializers.Serializer[Any]):
    name = SegmentSerializer(many=True, help_text="All of the name, cut where matches begin and end.")
    description = SegmentSerializer(many=True, help_text="The part of the description that says most.")


class TextHitSerializer(serializers.Serializer[Any]):
    product = MatchedProductSerializer()
    photo = serializers.URLField(allow_null=True, help_text="URL of the product's first photo; null: it has none.")
    photo_id = serializers.IntegerField(allow_null=True, help_text="Its id; null: it has none.")
    rank = serializers.FloatField(help_text="How well the words match; 0: only the sku's beginning, or the meaning.")
    found_by = serializers.ChoiceField(
        [Mode.WORDS, Mode.MEANING], help_text="words: its texts have the words. meaning: they mean something similar."
    )
    similarity = serializers.FloatField(
        allow_null=True,
        help_text="How similar the meaning is (cosine); null: its texts are not near.",
    )
    highlight = HighlightSerializer()


@extend_schema_serializer(many=False)
class TextAnswerSerializer(PageSerializer):
    query_id = serializers.UUIDField(
        allow_null=True, help_text="Names this query in logs and feedback; null from the second page on."
    )
    mode = serializers.ChoiceField([*Mode], help_text="What found the products: words, where meaning is not to be had.")
    did_you_mean = serializers.CharField(
        allow_null=True, help_text="Words that find something, where no product has the words that were sent."
    )
    results = TextHitSerializer(many=True)
    timings_ms = TimingsField()
