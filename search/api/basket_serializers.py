"""Input and output of the baskets."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from catalog.serializers import MatchedProductSerializer
from catalog.validators import SKU_LENGTH, currency_validator
from search import kept_objects
from search.api.serializers import TimingsField
from search.baskets import MOST_BASKETS, MOST_CANDIDATES, MOST_THINGS
from search.offers import Reason

# Above the number of things that any photo shows.
MOST_NUMBER = 1_000


@extend_schema_field({"anyOf": [{"type": "number", "minimum": 0.01}, {"type": "string", "format": "decimal"}]})
class BudgetField(serializers.DecimalField):
    """An amount above 0, with the digits of a price, as a number or as text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(12, 2, min_value=Decimal("0.01"), **kwargs)


class ShortListField(serializers.ListField):
    """A list whose length is checked before what is in it: a long one takes seconds to be read."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if self.max_length is not None and isinstance(data, list) and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class CandidateSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=SKU_LENGTH)
    similarity = serializers.FloatField(min_value=0, max_value=1, help_text="As an answer to a search has it.")


class ThingSerializer(serializers.Serializer[Any]):
    candidates = ShortListField(
        child=CandidateSerializer(),
        allow_empty=False,
        max_length=MOST_CANDIDATES,
        help_text=f"The products that may be chosen for the thing, {MOST_CANDIDATES} at most, each once.",
    )

    def validate_candidates(self, candidates: list[dict[str, Any]]) -> dict[str, float]:
        """The similarity by sku."""
        similarities = {candidate["sku"]: candidate["similarity"] for candidate in candidates}
        if len(similarities) < len(candidates):
            raise serializers.ValidationError("Send each sku once for a thing.", "duplicate_sku")
        return similarities


class ChoiceSerializer(serializers.Serializer[Any]):
    thing = serializers.IntegerField(min_value=0, max_value=MOST_NUMBER, help_text="The thing's number, from 0.")
    sku = serializers.CharField(max_length=SKU_LENGTH, help_text="One of its candidates.")


class BasketsSerializer(serializers.Serializer[Any]):
    """Things, or the search that found them, and what may be spent on them."""

    budget = BudgetField(help_text="The most that a basket may cost.")
    currency = serializers.CharField(
        validators=[currency_validator], help_text="Products in another currency are left out."
    )
    things = ShortListField(
        child=ThingSerializer(),
        required=False,
        allow_empty=False,
        max_length=MOST_THINGS,
        help_text=f"The things to buy, {MOST_THINGS} at most, numbered from 0. Send these or `query_id`.",
        error_messages={"required": "Send things, or the query_id of a search that found some."},
    )
    query_id = serializers.UUIDField(
        required=False,
        help_text="The query_id of a search of the last hour: its things and what it found for each.",
        error_messages={
            "unknown_query": "No such query, or not any more: searches are kept for an hour. Search again.",
            "not_both": "Send either things or query_id.",
        },
    )
    only = ShortListField(
        child=serializers.IntegerField(min_value=0, max_value=MOST_NUMBER),
        required=False,
        allow_empty=False,
        max_length=MOST_THINGS,
        help_text="The numbers of the things wanted of the search, from 0; all when left out.",
        error_messages={
            "without_query": "This goes with query_id. Of things, send those that are wanted.",
            "unknown_thing": "The search found {count} things: their numbers are 0 to {last}.",
            "too_many_things": f"The search found {{count}} things. Name {MOST_THINGS} of them at most.",
        },
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_BASKETS, default=1, help_text="Baskets to return, best first."
    )
    keep = ShortListField(
        child=ChoiceSerializer(),
        required=False,
        max_length=MOST_THINGS,
        help_text="Choices already made: every basket has this product for the thing.",
        error_messages={
            "unknown_thing": "There is no thing {thing} among those wanted.",
            "not_a_candidate": "What is kept for thing {thing} is none of its candidates.",
            "kept_twice": "Keep one product for thing {thing}.",
        },
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Adds `candidates`: for each thing's number, a similarity by sku."""
        if "query_id" in attrs and "things" in attrs:
            raise self._refusal("query_id", "not_both")
        if "query_id" in attrs:
            candidates = self._found(str(attrs["query_id"]), attrs.get("only"))
        elif "things" in attrs:
            candidates = {number: thing["candidates"] for number, thing in enumerate(attrs["things"])}
            if "only" in attrs:
                raise self._refusal("only", "without_query")
        else:
            raise self._refusal("things", "required")
        return {**attrs, "candidates": self._with_choices(candidates, attrs.get("keep", ()))}

    def _found(self, query_id: str, only: list[int] | None) -> dict[int, Mapping[str, float]]:
        """What the search found for the things wanted."""
        things = kept_objects.kept(query_id)
        if not things:
            raise self._refusal("query_id", "unknown_query")
        wanted = range(len(things)) if only is None else only
        if max(wanted) >= len(things):
            raise self._refusal("only", "unknown_thing", count=len(things), last=len(things) - 1)
        if len(wanted) > MOST_THINGS:
            raise self._refusal("only", "too_many_things", count=len(things))
        return {number: dict(things[number]) for number in sorted(wanted)}

    def _with_choices(
        self, candidates: dict[int, Mapping[str, float]], choices: list[dict[str, Any]]
    ) -> dict[int, Mapping[str, float]]:
        """The candidates, without others than the one kept."""
        kept: dict[int, Mapping[str, float]] = {}
        for choice in choices:
            thing, sku = choice["thing"], choice["sku"]
            if thing not in candidates:
                raise self._refusal("keep", "unknown_thing", thing=thing)
            if thing in kept:
                raise self._refusal("keep", "kept_twice", thing=thing)
            if sku not in candidates[thing]:
                raise self._refusal("keep", "not_a_candidate", thing=thing)
            kept[thing] = {sku: candidates[thing][sku]}
        return candidates | kept

    def _refusal(self, field: str, code: str, **named: int) -> serializers.ValidationError:
        message = str(self.fields[field].error_messages[code]).format(**named)
        return serializers.ValidationError({field: ErrorDetail(message, code)})


class BasketProductSerializer(serializers.Serializer[Any]):
    thing = serializers.IntegerField(help_text="Number of the thing that it is for.")
    product = MatchedProductSerializer()
    photo = serializers.URLField(allow_null=True, help_text="URL of the product's first photo; null: it has none.")
    similarity = serializers.FloatField(help_text="0 to 1, as it was sent or found.")


class BasketSerializer(serializers.Serializer[Any]):
    total = serializers.DecimalField(14, 2, help_text="The sum of the prices.")
    similarity = serializers.FloatField(help_text="The sum of the similarities.")
    products = BasketProductSerializer(many=True, help_text="One a thing, in their order.")


class MissingSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="What is missing, in a sentence.")
    things = serializers.ListField(
        child=serializers.IntegerField(), help_text="Numbers of the things none of whose candidates can be bought."
    )
    above = serializers.DecimalField(14, 2, help_text="How far `cheapest` is above the budget; 0.00: it is within.")
    cheapest = BasketSerializer(
        allow_null=True, help_text="The cheapest basket of the other things; null: nothing can be bought."
    )


class LeftOutCandidateSerializer(serializers.Serializer[Any]):
    thing = serializers.IntegerField()
    sku = serializers.CharField()
    reason = serializers.ChoiceField(
        [reason.value for reason in Reason], help_text="unknown_sku: no product has it, or it was deleted since."
    )


class BasketsAnswerSerializer(serializers.Serializer[Any]):
    budget = serializers.DecimalField(12, 2)
    currency = serializers.CharField(help_text="Of the budget and of all prices.")
    baskets = BasketSerializer(many=True, help_text="Best first; fewer than `limit` if there are no more.")
    missing = MissingSerializer(allow_null=True, help_text="Why there is no basket; null: there is one.")
    left_out = LeftOutCandidateSerializer(many=True, help_text="Candidates that cannot be bought, and why.")
    timings_ms = TimingsField()
