"""Why a product matches a photo: POST /api/v1/search/explain/."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import TokenAuthentication
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from access import scopes
from access.authentication import KeyAuthentication
from access.permissions import MayAsk
from catalog.openapi import refusal
from search.api import answers, examples, photo_search
from search.api.counted import CountedView
from search.api.serializers import ExplainAnswerSerializer, ExplainSerializer
from search.api.throttles import SearchThrottle
from search.explanations import CURE
from search.stopwatch import Stopwatch

NOT_EXPLAINABLE = refusal(
    "The live space's similarity is no sum over the places of a photo.",
    "not_explainable",
    f"Photos are compared by L2 distance, which is no sum over their places. {CURE}",
)


class ExplainView(CountedView):
    """Two photos in, what makes them alike out."""

    counted_kind, counted_results = "explain", "similarity"
    parser_classes = (MultiPartParser,)
    permission_classes, scope = (MayAsk,), scopes.SEARCH
    # No session, as for a search: its cookie would make a logged-in visitor's request need a CSRF token.
    authentication_classes = (KeyAuthentication, TokenAuthentication)
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="Why a product matches",
        description=(
            "How much of the similarity each place of the customer's photo and of the product's photo holds, exactly: "
            "the `shares` of either and its `padding_share` add up to `similarity`. `heat` is for the eye: it leaves "
            "out what any photo of the shop has. `words` say what the match is, with probabilities learned from the "
            "catalogue. What the photo shows is guessed from the products nearest to it: `attributes` compares the "
            "product's with that. `photo` is the `photo_id` of a result."
        ),
        tags=["search"],
        request=ExplainSerializer,
        responses={200: ExplainAnswerSerializer, 409: NOT_EXPLAINABLE},
        examples=[OpenApiExample("A lamp", value=examples.EXPLAIN_ANSWER, response_only=True, status_codes=["200"])],
    )
    def post(self, request: Request) -> Response:
        watch = Stopwatch()
        why = photo_search.explain(request.data, watch)
        return Response({**answers.explanation(why), "timings_ms": watch.timings_ms()})
