"""What customers do with an answer, told by the page that showed it: POST /api/v1/events/."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access import scopes
from access.authentication import KeyAuthentication
from access.permissions import MayAsk
from catalog.models import Category, Product
from catalog.openapi import CHANGED
from catalog.parsers import SmallJSONParser
from catalog.validators import SKU_LENGTH
from search.api import examples
from search.api.throttles import EventThrottle
from search.log import events
from search.models import Event

MAX_BYTES = 4_096  # An event with the longest sku and slug, every letter escaped, takes half of that.
MAX_POSITION = 1_000


class EventParser(SmallJSONParser):
    most_bytes = MAX_BYTES
    named = "An event"


class CategoryField(serializers.CharField):
    """A slug in JSON, a Category in Python."""

    # The message leaves out the slug: JSON may hold half of a surrogate pair, and no answer could.
    default_error_messages = {"unknown_category": "No such category. Use one of: {known}."}

    def to_internal_value(self, data: Any) -> Category:  # type: ignore[override]  # A CharField on the wire only.
        slug = super().to_internal_value(data)
        known = {category.slug: category for category in Category.objects.all()}
        if slug not in known:
            self.fail("unknown_category", known=", ".join(sorted(known)))
        return known[slug]

    def to_representation(self, value: Any) -> str:
        slug: str = value.slug
        return slug


class EventSerializer(serializers.Serializer[Event]):
    query_id = serializers.UUIDField(
        help_text="The query_id of the answer.",
        error_messages={
            "unknown_query": (
                "No such query, or not any more. Send the query_id of an answer of the last {days} days."
            ),
            "no_log": "This shop keeps no queries, so it takes no events: QUERY_LOG_DAYS is 0.",
        },
    )
    kind = serializers.ChoiceField(
        Event.Kind.choices,
        # DRF's own text repeats what was sent: JSON may hold half of a surrogate pair, and no answer could.
        error_messages={"invalid_choice": f"No such kind. Use one of: {', '.join(Event.Kind.values)}."},
    )
    sku = serializers.CharField(
        max_length=SKU_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="Sku of the product; optional for wrong_category.",
        error_messages={
            "sku_missing": "Send the sku of the product.",
            "unknown_sku": "No product has this sku. Send the sku as the answer has it.",
        },
    )
    position = serializers.IntegerField(
        min_value=1,
        max_value=MAX_POSITION,
        required=False,
        allow_null=True,
        default=None,
        help_text="Position of the product in the answer, from 1. Needed for a click, optional otherwise.",
        error_messages={"position_missing": "Send the position of the product in the answer, 1 for the first."},
    )
    category = CategoryField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Slug of the right category, if the customer named it; for wrong_category only.",
    )
    created_at = serializers.DateTimeField(read_only=True)

    def validate_query_id(self, query_id: UUID) -> UUID:
        days = settings.QUERY_LOG_DAYS
        if not days:
            self.fields["query_id"].fail("no_log")
        if not events.is_logged(query_id):
            self.fields["query_id"].fail("unknown_query", days=days)
        return query_id

    def validate_sku(self, sku: str) -> str:
        if sku and not Product.objects.filter(sku=sku).exists():
            self.fields["sku"].fail("unknown_sku")
        return sku

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] != Event.Kind.WRONG_CATEGORY and not attrs["sku"]:
            raise self._missing("sku", "sku_missing")
        if attrs["kind"] == Event.Kind.CLICK and attrs["position"] is None:
            raise self._missing("position", "position_missing")
        return attrs

    def _missing(self, field: str, code: str) -> serializers.ValidationError:
        message = self.fields[field].error_messages[code]
        return serializers.ValidationError({field: ErrorDetail(str(message), code)})


class EventView(APIView):
    """What a customer did with an answer."""

    parser_classes = (EventParser,)
    permission_classes, scope = (MayAsk,), scopes.EVENTS
    # No session, as for a search: with its cookie an event needs a CSRF token, which sendBeacon cannot send.
    authentication_classes = (KeyAuthentication, TokenAuthentication)
    throttle_classes = (EventThrottle,)

    @extend_schema(
        summary="Tell what a customer did with an answer",
        description=(
            "The customer clicked a result, put it into the cart or bought it, or the photo was taken for a thing of "
            "another category. `query_id` is that of the answer; where it has several pages, that of the first. The "
            "same event again (query, kind, sku and position) is answered with 200. It changes nothing but the "
            "`category` of a wrong_category: the last one counts. `navigator.sendBeacon` can send it: give it a Blob "
            "of the type application/json."
        ),
        tags=["search"],
        request=EventSerializer,
        responses={201: EventSerializer, 200: EventSerializer, 409: CHANGED},
        examples=[
            OpenApiExample("A click", value=examples.EVENT, request_only=True),
            OpenApiExample("It is a lamp", value=examples.WRONG_CATEGORY, request_only=True),
            OpenApiExample("The click", value=examples.STORED_EVENT, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        told = EventSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        event, is_first = events.stored(told.validated_data)
        code = status.HTTP_201_CREATED if is_first else status.HTTP_200_OK
        return Response(EventSerializer(event).data, code)
