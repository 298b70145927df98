"""Why a product matches, as the API answers it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class GridField(serializers.ListField):
    """Rows of numbers."""

    child = serializers.ListField(child=serializers.FloatField())


class HeatMapSerializer(serializers.Serializer[Any]):
    """A grid that covers the photo, or the region of it that was sent."""

    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    shares = GridField(help_text="How much of the similarity each place holds; below 0 where it speaks against it.")
    heat = GridField(help_text="0 to 1: where the photo is like the other one, and not like any photo of the shop.")
    padding_share = serializers.FloatField(
        help_text="How much of the similarity the white around the photo holds. All shares and it add up to it."
    )


class ProbabilitiesSerializer(serializers.Serializer[Any]):
    piece = serializers.FloatField(help_text="Of being the same product.")
    style = serializers.FloatField(  # type: ignore[assignment]  # Every field has a `style` of its own.
        help_text="Of being of one family: a product of the same name and category."
    )
    kind = serializers.FloatField(help_text="Of being of one category.")


class WordsSerializer(serializers.Serializer[Any]):
    text = serializers.ChoiceField(
        ["the same piece", "the same style", "the same kind of thing", "something similar"],
        help_text="The narrowest of these whose probability is at least 0.5; something similar: none has it.",
    )
    probabilities = ProbabilitiesSerializer()


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]})
class AttributeValueField(serializers.Field):
    """Text, a number or a truth value, as the shop has it."""

    def to_representation(self, value: Any) -> Any:
        return value


class AgreeingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = AttributeValueField(help_text="The product's, and probably the photo's.")
    share = serializers.FloatField(help_text="How likely the photo shows it, by the products nearest to it.")


class DifferingSerializer(AgreeingSerializer):
    value = AttributeValueField(help_text="The product's.")
    expected = AttributeValueField(help_text="The photo's, probably.")


class AttributesSerializer(serializers.Serializer[Any]):
    """What the photo shows is guessed: it is what most of the products nearest to it have."""

    agree = AgreeingSerializer(many=True)
    differ = DifferingSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    similarity = serializers.FloatField(help_text="The cosine of the two photos, -1 to 1.")
    query = HeatMapSerializer(help_text="The customer's photo, or its region.")
    photo = HeatMapSerializer(help_text="The product's photo.")
    words = WordsSerializer(
        allow_null=True,
        help_text="What the match is; null: the shop's head has no words yet, or does not know the product's category.",
    )
    attributes = AttributesSerializer()
