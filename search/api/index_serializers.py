"""How far the index is and what the category head is worth, as the API answers it."""

from typing import Any

from rest_framework import serializers

from search.models import LeafIndex


class LeafIndexSerializer(serializers.ModelSerializer[LeafIndex]):
    class Meta:
        model = LeafIndex
        fields = ("recall", "ef_search", "photos", "checked_at")


class IndexedCategorySerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    photos = serializers.IntegerField()
    indexed = serializers.IntegerField()
    pending = serializers.IntegerField()
    rejected = serializers.IntegerField()
    index = LeafIndexSerializer(
        allow_null=True, help_text="The category's HNSW index, as it was checked last; null: it is scanned exactly."
    )


class GateWorthSerializer(serializers.Serializer[Any]):
    recall = serializers.FloatField(help_text="Share of the queries that found what they wanted.")
    work = serializers.FloatField(help_text="Mean share of the catalogue's photos that a query was compared with.")


class TunedGateSerializer(serializers.Serializer[Any]):
    """How wide the gate opens. This was chosen on held-out photos of the catalogue, between the two extremes."""

    queries = serializers.IntegerField(help_text="Held-out photos that looked for others of their product or family.")
    recall_of = serializers.ChoiceField(
        ["products", "categories"],
        help_text="products: a wanted product came among the first 10. categories: its category was searched.",
    )
    hard = GateWorthSerializer(help_text="The likeliest category alone.")
    soft = GateWorthSerializer(help_text="The gate as it serves queries.")
    open = GateWorthSerializer(help_text="All categories.")


class HeadSerializer(serializers.Serializer[Any]):
    accuracy = serializers.FloatField(help_text="Share of held-out photos whose likeliest category is right.")
    calibration_error = serializers.FloatField(help_text="Expected calibration error of the held-out probabilities.")
    gate = TunedGateSerializer(allow_null=True, help_text="null: too few photos to tune it, so the default holds.")
    photos = serializers.IntegerField(help_text="Photos in the index at training.")
    trained_at = serializers.DateTimeField()


class TextsSerializer(serializers.Serializer[Any]):
    encoder = serializers.CharField(help_text="Which text encoder makes the vectors.")
    products = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Products whose texts have no vector yet, or changed since.")


class IndexSerializer(serializers.Serializer[Any]):
    space = serializers.CharField()
    weights = serializers.CharField()
    categories = IndexedCategorySerializer(many=True)
    texts = TextsSerializer(allow_null=True, help_text="How far the texts are; null: there is no text encoder.")
    head = HeadSerializer(allow_null=True)
