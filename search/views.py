"""The search API: by photo, by product, and how far the index is."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import TokenAuthentication
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Product
from catalog.openapi import query_errors
from search import encoders, examples, gate, live, lookup, progress, shown, vectors
from search.errors import ServiceUnavailable
from search.serializers import (
    IndexSerializer,
    MatchSerializer,
    SearchAnswerSerializer,
    SearchSerializer,
    SimilarAnswerSerializer,
)
from search.stopwatch import Stopwatch
from search.throttles import BrowseThrottle, SearchThrottle


class SearchView(APIView):
    """Photo in, ranked products out."""

    parser_classes = (MultiPartParser,)
    permission_classes = (AllowAny,)
    # A session's cookie would make a logged-in visitor's search need a CSRF token.
    authentication_classes = (TokenAuthentication,)
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="Search by photo",
        description=(
            "The photo is classified, then the most similar products of the likeliest categories are returned, one "
            "photo a product, best first. `gate` shows which categories were searched and why; `category` overrides "
            "it. Products that show the same picture are one result, the others its `duplicates`. `left_out` names "
            "the best match that was not similar enough; `min_similarity=0` shows such matches as well."
        ),
        tags=["search"],
        request=SearchSerializer,
        responses=SearchAnswerSerializer,
        examples=[OpenApiExample("A lamp", value=examples.SEARCH_ANSWER, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        watch = Stopwatch()
        with watch.stage("decode"):
            query = SearchSerializer(data=request.data)
            query.is_valid(raise_exception=True)
            space, categories = live_shop()
            encoder = encoders.encoder_for(space)
            photo = query.photo(encoder)
        with watch.stage("encode"):
            (vector,) = encoder.encode([photo])
        with watch.stage("gate"):
            judgement = encoders.judgement(space, vector)
            choice = gate.choose(judgement, frozenset(categories), query.validated_data.get("category"))
        with watch.stage("search"):
            matches = lookup.nearest(space, vector, choice.searched, **query.wanted())
        origin = request.build_absolute_uri("/")
        return Response({**shown.answer(space, matches, watch, origin), "gate": shown.gate(choice, categories)})


@query_errors(MatchSerializer)
class SimilarView(APIView):
    """Product in, its look-alikes out."""

    permission_classes = (AllowAny,)
    throttle_classes = (BrowseThrottle,)

    @extend_schema(
        summary="Similar products",
        description=(
            "The products most similar to this one's first indexed photo, in its own category unless `category` says "
            "otherwise. Empty while none of its photos is indexed. Reads stored vectors: no photo is encoded."
        ),
        tags=["search"],
        parameters=[MatchSerializer],
        responses=SimilarAnswerSerializer,
        examples=[OpenApiExample("Lamps", value=examples.SIMILAR_ANSWER, response_only=True)],
    )
    def get(self, request: Request, sku: str) -> Response:
        watch = Stopwatch()
        product = get_object_or_404(Product, sku=sku)
        query = MatchSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        space = live_shop().space
        with watch.stage("search"):
            own = vectors.of_product(space, product)
            categories = query.validated_data.get("category", {product.category_id})
            matches = lookup.Matches()
            if own is not None:
                matches = lookup.nearest(space, own, categories, exclude=product, **query.wanted())
        return Response(shown.answer(space, matches, watch, request.build_absolute_uri("/")))


class IndexView(APIView):
    """How far the index is."""

    permission_classes = (AllowAny,)
    throttle_classes = (BrowseThrottle,)

    @extend_schema(
        summary="State of the index",
        description="Photos indexed, pending and rejected in the live space, and the held-out accuracy of the head.",
        tags=["search"],
        responses=IndexSerializer,
        examples=[OpenApiExample("Nearly done", value=examples.INDEX_ANSWER, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        return Response(IndexSerializer(progress.of(live_shop().space)).data)


def live_shop() -> live.Live:
    if shop := live.read():
        return shop
    raise ServiceUnavailable("There is no index yet: run manage.py prepare.", "no_live_space")
