"""The catalogue over HTTP: categories, products and their photos."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from catalog import facets, openapi, photos
from catalog.errors import Conflict
from catalog.fields import photo_errors
from catalog.filters import ProductListSerializer
from catalog.models import Category, Photo, Product
from catalog.near_misses import add_near_misses
from catalog.pagination import ProductPagination
from catalog.parsers import BoundedJSONParser
from catalog.serializers import (
    CategorySerializer,
    PhotoSerializer,
    PhotoUploadSerializer,
    ProductPageSerializer,
    ProductSerializer,
)


class UpdatesInTurn(ModelViewSet):
    """Makes simultaneous changes one by one. The second sees the first; after a deletion it finds nothing to change."""

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().update(request, *args, **kwargs)

    def get_object(self) -> Any:
        if self.action in {"update", "partial_update"}:
            # A query of its own takes the lock: a query that waited reads joined rows as they were before its wait.
            rows = self.get_queryset().model.objects.filter(**{self.lookup_field: self.kwargs[self.lookup_field]})
            get_object_or_404(rows.select_for_update(no_key=True))
        return super().get_object()


@extend_schema_view(
    list=extend_schema(summary="All categories", description="Sorted by name, each with its number of products."),
    retrieve=extend_schema(summary="One category"),
    create=extend_schema(
        summary="Create a category",
        examples=[openapi.CATEGORY],
        responses={201: CategorySerializer, 409: openapi.CHANGED},
    ),
    update=extend_schema(
        summary="Replace a category",
        examples=[openapi.CATEGORY],
        responses={200: CategorySerializer, 409: openapi.CHANGED},
    ),
    partial_update=extend_schema(
        summary="Change a category",
        examples=[openapi.CATEGORY],
        responses={200: CategorySerializer, 409: openapi.CHANGED},
    ),
    destroy=extend_schema(summary="Delete an empty category", responses={204: None, 409: openapi.IN_USE}),
)
@extend_schema(tags=openapi.TAGS)
class CategoryViewSet(UpdatesInTurn):
    queryset = Category.objects.with_product_counts()
    serializer_class = CategorySerializer
    parser_classes = [BoundedJSONParser]
    lookup_field = "slug"
    lookup_value_regex = "[^/]+"

    def perform_destroy(self, instance: Category) -> None:
        try:
            instance.delete()
        except IntegrityError as error:  # Django's ProtectedError is one; a product just now added raises another
            raise Conflict(
                "Products are still in this category. Move or delete them first.", "category_in_use"
            ) from error


@extend_schema_view(
    list=extend_schema(
        summary="Find products",
        description="Sorted by name, with their photos, 20 a page.",
        parameters=[ProductListSerializer, openapi.ORDERING],
        examples=[openapi.PRODUCT_PAGE],
        responses=ProductPageSerializer,
    ),
    retrieve=extend_schema(summary="One product"),
    create=extend_schema(
        summary="Create a product",
        examples=[openapi.PRODUCT],
        responses={201: ProductSerializer, 409: openapi.CHANGED},
    ),
    update=extend_schema(
        summary="Replace a product",
        description="Its photos stay.",
        examples=[openapi.PRODUCT],
        responses={200: ProductSerializer, 409: openapi.CHANGED},
    ),
    partial_update=extend_schema(
        summary="Change a product",
        description="`attributes` are replaced as a whole.",
        examples=[openapi.NEW_PRICE],
        responses={200: ProductSerializer, 409: openapi.CHANGED},
    ),
    destroy=extend_schema(summary="Delete a product and its photos", responses={204: None, 409: openapi.CHANGED}),
)
@openapi.query_errors(ProductListSerializer, "list")
@extend_schema(tags=openapi.TAGS)
class ProductViewSet(UpdatesInTurn):
    queryset = Product.objects.with_photos().prefetch_related("numbers")
    serializer_class = ProductSerializer
    parser_classes = [BoundedJSONParser]
    pagination_class = ProductPagination
    lookup_field = "sku"
    # DRF's own pattern stops at a dot, and a sku like 001.024.52 has two.
    lookup_value_regex = "[^/]+"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = ProductListSerializer.find(request, self.get_queryset())
        page = self.paginate_queryset(found.products)
        answer = self.get_paginated_response(self.get_serializer(page, many=True).data)
        answer.data["facets"] = facets.count(found, answer.data["count"]) if found.wants_facets else None
        add_near_misses(answer.data, found, request)
        return answer


@extend_schema_view(
    list=extend_schema(summary="A product's photos", parameters=[openapi.SKU]),
    destroy=extend_schema(summary="Delete a photo", parameters=[openapi.SKU, openapi.PHOTO_ID]),
)
@extend_schema(tags=openapi.TAGS)
class PhotoViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, GenericViewSet):
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> QuerySet[Photo]:
        return super().get_queryset().filter(product__sku=self.kwargs.get("sku"))

    def list(self, request: Request, sku: str) -> Response:
        get_object_or_404(Product, sku=sku)
        return super().list(request)

    @extend_schema(
        summary="Add photos to a product",
        description=(
            "JPEG, PNG, WebP, AVIF, HEIC or GIF, up to 20 MB each and 21 MB together. "
            "All of them are added or none. A photo that the product already has is answered, not added again."
        ),
        parameters=[openapi.SKU],
        request=PhotoUploadSerializer,
        responses={
            201: PhotoSerializer(many=True),
            200: PhotoSerializer(many=True),
            409: openapi.TOO_MANY_PHOTOS,
        },
    )
    def create(self, request: Request, sku: str) -> Response:
        product = get_object_or_404(Product, sku=sku)
        form = PhotoUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        pictures = [photos.Picture(data) for data in form.validated_data["image"]]
        for place, picture in photos.unknown(product, pictures):
            with photo_errors(f"image.{place}"):
                picture.decode()
        try:
            added = photos.add_pictures(product, pictures)
        except photos.TooManyPhotos as error:
            raise Conflict(str(error), "too_many_photos") from error
        except Product.DoesNotExist as error:  # deleted since the first line
            raise Http404 from error
        answer = self.get_serializer([photo for photo, _ in added], many=True)
        is_new = any(created for _, created in added)
        return Response(answer.data, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)
