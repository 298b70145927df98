"""Examples and refusals shown in the API's documentation."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from drf_standardized_errors.openapi import AutoSchema
from drf_standardized_errors.openapi_utils import get_serializer_field_error_codes
from drf_standardized_errors.openapi_validation_errors import extend_validation_errors
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import APIView

from access.permissions import MayAsk
from catalog.errors import Conflict, error_body
from catalog.fields import ORDERING_SCHEMA, SlugField
from catalog.outages import DiskFull
from catalog.serializers import ClientErrorAnswerSerializer, ServerErrorAnswerSerializer

TAGS = ["catalogue"]
View = TypeVar("View", bound=type[APIView])


class Schema(AutoSchema):
    """Adds what drf-spectacular cannot see in a view: reading needs no account, and what may refuse any request."""

    def get_auth(self) -> list[dict[str, Any]]:
        auth: list[dict[str, Any]] = super().get_auth()
        needs_none = self.method in SAFE_METHODS or any(isinstance(one, MayAsk) for one in self.view.get_permissions())
        return [*auth, {}] if needs_none and {} not in auth else auth

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        refusals = {"503": UNAVAILABLE}
        if self.method in {"POST", "PUT", "PATCH"}:
            refusals |= {"413": TOO_LARGE, "507": DISK_FULL}
        anywhere = {status: self._get_response_for_code(answer, status) for status, answer in refusals.items()}
        return {**anywhere, **super()._get_response_bodies(direction)}

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        super()._insert_field_validators(field, schema)
        if isinstance(field, SlugField):  # Its pattern is Python's: elsewhere `\w` means ASCII.
            schema.pop("pattern", None)


def query_errors(serializer: type[serializers.Serializer], *actions: str) -> Callable[[View], View]:
    """Documents the refusals of query parameters that a serializer checks, for GET or for these actions."""

    def document(view: View) -> View:
        for name, field in serializer().fields.items():
            codes = sorted(get_serializer_field_error_codes(field, name))
            if not codes:  # It is no parameter by itself.
                continue
            view = extend_validation_errors(codes, field_name=name, actions=list(actions), methods=["get"])(view)
        return view

    return document


def refusal(description: str, code: str, detail: str) -> OpenApiResponse:
    body = error_body("client_error", code, detail)
    return OpenApiResponse(ClientErrorAnswerSerializer, description, examples=[OpenApiExample(code, value=body)])


def failure(description: str, code: str, detail: str) -> OpenApiResponse:
    body = error_body("server_error", code, detail)
    return OpenApiResponse(ServerErrorAnswerSerializer, description, examples=[OpenApiExample(code, value=body)])


CATEGORY = OpenApiExample("A category", value={"slug": "chair", "name": "Chair"}, request_only=True)

PRODUCT = OpenApiExample(
    "A product",
    value={
        "sku": "001.024.52",
        "name": "Oak chair",
        "category": "chair",
        "description": "A chair of solid oak with a woven seat.",
        "price": "129.00",
        "currency": "EUR",
        "in_stock": True,
        "url": "https://shop.example/oak-chair",
        "attributes": {"color": "Oak", "width": 48},
    },
    request_only=True,
)
FACETS = {
    "counted": 2,
    "categories": [{"slug": "chair", "name": "Chair", "count": 2}, {"slug": "sofa", "name": "Sofa", "count": 1}],
    "in_stock": [{"value": True, "count": 1}, {"value": False, "count": 1}],
    "price": {"min": "60.00", "max": "129.00"},
    "attributes": [{"name": "color", "values": [{"value": "Oak", "count": 1}, {"value": "Pine", "count": 1}]}],
    "numbers": [
        {
            "name": "width_cm",
            "unit": "cm",
            "count": 2,
            "min": 44.0,
            "max": 48.0,
            "buckets": [
                {"min": 44.0, "max": 45.0, "count": 1},
                {"min": 45.0, "max": 46.0, "count": 0},
                {"min": 46.0, "max": 47.0, "count": 0},
                {"min": 47.0, "max": 48.0, "count": 0},
                {"min": 48.0, "max": 49.0, "count": 1},
            ],
        }
    ],
}
PHOTO = {
    "id": 17,
    "file": "https://shop.example/media/photos/3f/3f1c.jpg",
    "sha256": "3f1c9a0e7b6d4c5f8e2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e",
    "width": 1024,
    "height": 1024,
    "position": 0,
    "created_at": "2026-11-20T12:00:00Z",
}
PRODUCT_PAGE = OpenApiExample(
    "Chairs, one a page",
    value={
        "count": 2,
        "next": "https://shop.example/api/v1/products/?category=chair&facets=true&page=2&page_size=1",
        "previous": None,
        "results": [
            {
                **PRODUCT.value,
                "caption": "A wooden chair with a light woven seat and a straight back.",
                "caption_source": "qwen2.5vl:7b",
                "photos": [PHOTO],
                "created_at": "2026-11-20T12:00:00Z",
                "updated_at": "2026-11-20T12:00:00Z",
            }
        ],
        "facets": FACETS,
    },
    response_only=True,
)
NEW_PRICE = OpenApiExample("A new price", value={"price": "99.00", "in_stock": False}, request_only=True)

SKU = OpenApiParameter(
    "sku", OpenApiTypes.STR, OpenApiParameter.PATH, description="The product's sku, for example 001.024.52."
)
# drf-spectacular describes a serializer's list as a repeated parameter; commas separate the names of this one.
ORDERING = OpenApiParameter(
    "ordering",
    ORDERING_SCHEMA,
    description="name, price, created_at or sku; a leading - reverses; several are separated by commas.",
    explode=False,
    style="form",
)
PHOTO_ID = OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The photo's id.")

CHANGED = refusal("Another change came first.", "conflict", Conflict.default_detail)
IN_USE = refusal("The category has products.", "category_in_use", "Products are still in this category.")
TOO_MANY_PHOTOS = refusal("The product is full.", "too_many_photos", "A product has at most 50 photos.")
TOO_LARGE = refusal("A photo or the request is too large.", "request_too_large", "A request has at most 21 MB.")
DISK_FULL = failure("A disk of the shop is full.", "storage_full", str(DiskFull.default_detail))
UNAVAILABLE = failure(
    "A service that the shop needs does not answer; try again after Retry-After seconds.",
    "database_unavailable",
    "The database does not answer. Try again in a moment.",
)
