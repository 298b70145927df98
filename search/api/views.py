"""The search API: by photo, by product, by words, and how far the index is."""

from typing import cast

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import TokenAuthentication
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from access import scopes
from access.authentication import KeyAuthentication
from access.permissions import MayAsk
from catalog import facets, shown_fields
from catalog.models import Product
from catalog.near_misses import add_near_misses
from catalog.openapi import query_errors
from catalog.pagination import ProductPagination
from search import kept_objects, lookup, near_misses
from search.api import answers, examples, logged_answers, photo_search, text_search
from search.api.counted import CountedView
from search.api.index_serializers import IndexSerializer
from search.api.serializers import (
    AUTO,
    SearchAnswerSerializer,
    SearchSerializer,
    SimilarAnswerSerializer,
    SimilarSerializer,
)
from search.api.text_serializers import Mode, TextAnswerSerializer, TextSearchSerializer
from search.api.throttles import OBJECTS_COST, BrowseThrottle, SearchThrottle
from search.models import Query
from search.stopwatch import Stopwatch
from search.store import vectors

# Candidates kept of a thing for baskets: an answer's default. Ten things of these take some 10 kB in Redis.
KEPT = 20


class SearchView(CountedView):
    """Photo in, ranked products out."""

    counted_kind = "photo"
    parser_classes = (MultiPartParser,)
    permission_classes, scope = (MayAsk,), scopes.SEARCH
    # A session's cookie would make a logged-in visitor's search need a CSRF token.
    authentication_classes = (KeyAuthentication, TokenAuthentication)
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="Search by photo",
        description=(
            "The photo is classified, then the most similar products of the likeliest categories are returned, one "
            "photo a product, best first. `gate` shows which categories were searched and why; `category` overrides "
            "it. Products that show the same picture are one result, the others its `duplicates`. `left_out` names "
            "the best match that was not similar enough; `min_similarity=0` shows such matches as well. `words` say "
            "what shall differ from the photo; the answer's `words` tell what they were taken for. A photo of a room "
            "holds several things: `objects=auto` finds them, and each has matches of its own in `objects`. With "
            "`explain` the first result has an `explanation`, as `POST /api/v1/search/explain/` gives it."
        ),
        tags=["search"],
        request=SearchSerializer,
        responses=SearchAnswerSerializer,
        examples=[OpenApiExample("A lamp", value=examples.SEARCH_ANSWER, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        watch = Stopwatch()
        throttle = SearchThrottle()
        if cast(QueryDict, request.data).get("objects") == AUTO and not throttle.raise_to(request, OBJECTS_COST):
            self.throttled(request, throttle.wait())
        found = photo_search.find(request.data, watch)
        origin = request.build_absolute_uri("/")
        answer = answers.answer(found.space, found.matches, watch, origin)
        answer["words"] = found.words and answers.words(found.words)
        answer["gate"] = answers.gate(found.choice, found.categories)
        if found.explains:
            answers.explain_first(answer, found.explanation)
        if found.objects is not None:
            answer["objects"] = answers.objects(found.objects, found.categories, origin)
            kept_objects.keep(answer["query_id"], [_candidates(one.matches) for one in found.objects])
        if found.measured:
            shown = [found.matches, *(one.matches for one in found.objects or ())]
            answers.tell_numbers(answer, found.measured, shown, origin)
        return logged_answers.answered(Query.Kind.PHOTO, answer, found.space, choice=found.choice, vector=found.taught)


def _candidates(matches: lookup.Matches) -> list[kept_objects.Candidate]:
    return [(hit.product.sku, hit.similarity) for hit in matches.hits[:KEPT]]


@query_errors(SimilarSerializer)
class SimilarView(CountedView):
    """Product in, its look-alikes out."""

    counted_kind = "similar"
    permission_classes, scope = (MayAsk,), scopes.SEARCH
    throttle_classes = (BrowseThrottle,)

    @extend_schema(
        summary="Similar products",
        description=(
            "The products most similar to this one's first indexed photo, or to its photo with the id `photo`. They "
            "come from its own category unless `category` says otherwise. Empty while the photo is not indexed. Reads "
            "stored vectors: no photo is encoded."
        ),
        tags=["search"],
        parameters=[SimilarSerializer],
        responses=SimilarAnswerSerializer,
        examples=[OpenApiExample("Lamps", value=examples.SIMILAR_ANSWER, response_only=True)],
    )
    def get(self, request: Request, sku: str) -> Response:
        watch = Stopwatch()
        product = get_object_or_404(Product, sku=sku)
        query = SimilarSerializer(data=request.query_params, context={"product": product})
        query.is_valid(raise_exception=True)
        space = photo_search.require_live_shop().space
        with watch.stage("search"):
            own = vectors.of_product(space, product, query.validated_data.get("photo"))
            categories = query.validated_data.get("category", {product.category_id})
            matches, near = lookup.Matches(), []
            if own is not None:
                wanted = {**query.wanted(), "exclude": product}
                matches = lookup.nearest(space, own, categories, **wanted)
                if bounds := query.bounds:
                    near = near_misses.beside(space, own, categories, bounds, query.others(), wanted, matches)
        origin = request.build_absolute_uri("/")
        answer = answers.answer(space, matches, watch, origin)
        if query.bounds:
            answers.tell_numbers(answer, near_misses.measured(query.bounds, [matches], near), [matches], origin)
        return logged_answers.answered(Query.Kind.SIMILAR, answer, space, searched=categories)


@query_errors(TextSearchSerializer)
class TextSearchView(CountedView, ListAPIView):
    """Words in, ranked products out."""

    counted_kind = "text"
    permission_classes, scope = (MayAsk,), scopes.SEARCH
    queryset = Product.objects.select_related("category").only(*shown_fields.FIELDS, "description")
    pagination_class = ProductPagination

    def get_throttles(self) -> list[BaseThrottle]:
        """A search for words alone runs no encoder."""
        encodes = self.request.query_params.get("mode") != Mode.WORDS
        return [SearchThrottle() if encodes else BrowseThrottle()]

    @extend_schema(
        summary="Search by words",
        description=(
            "Products whose name, sku, description, attributes or caption have these words, best first, then products "
            "whose texts mean something similar, up to 50, with the filters, the facets and the pages of the product "
            "list. `highlight` holds name and description cut where matches begin and end: plain text, no HTML. All "
            "pages are one search: the first has its `query_id`."
        ),
        tags=["search"],
        parameters=[TextSearchSerializer],
        responses=TextAnswerSerializer,
        examples=[OpenApiExample("Oak chairs", value=examples.TEXT_ANSWER, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        watch = Stopwatch()
        with watch.stage("search"):
            found = text_search.find(request, self.get_queryset())
            products = found.at(self.paginate_queryset(found.ranking) or [])  # type: ignore[arg-type]  # It is paged.
            page = self.get_paginated_response(products).data
            meant = text_search.did_you_mean(found)
        with watch.stage("facets"):
            counts = facets.count(found, page["count"]) if found.wants_facets else None
        add_near_misses(page, found, request)
        said = {"mode": found.mode, "did_you_mean": meant, "facets": counts}
        answer = answers.text_answer(page, said, found.near, found.words, watch, request.build_absolute_uri("/"))
        return logged_answers.answered(Query.Kind.TEXT, answer)


class IndexView(APIView):
    """How far the index is."""

    permission_classes, scope = (MayAsk,), scopes.INDEX
    throttle_classes = (BrowseThrottle,)

    @extend_schema(
        summary="State of the index",
        description="Photos indexed, pending and rejected in the live space, and the held-out accuracy of the head.",
        tags=["search"],
        responses=IndexSerializer,
        examples=[OpenApiExample("Nearly done", value=examples.INDEX_ANSWER, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        return Response(IndexSerializer(answers.index_state(photo_search.require_live_shop().space)).data)
