"""One product for each thing in a photo, within a budget: POST /api/v1/baskets/."""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import TokenAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from access import scopes
from access.authentication import KeyAuthentication
from access.permissions import MayAsk
from catalog import shown_fields
from catalog.models import Product
from catalog.parsers import SmallJSONParser
from search import baskets, offers
from search.api import examples
from search.api.answers import Json
from search.api.basket_serializers import BasketsAnswerSerializer, BasketsSerializer
from search.api.counted import CountedView
from search.api.errors import ServiceUnavailable
from search.api.throttles import BASKETS_COST, SHARE, BrowseThrottle
from search.baskets import Basket, Offer
from search.knapsack import UnprovenError
from search.offers import Offers
from search.stopwatch import Stopwatch

NONE = Decimal("0.00")


class BasketParser(SmallJSONParser):
    most_bytes = 1_000_000  # 1,000 candidates with the longest skus, every letter escaped, take 800 kB.
    named = "A basket"


class BasketView(CountedView):
    """Things and a budget in, the best baskets out."""

    counted_kind, counted_results = "basket", "baskets"
    parser_classes = (BasketParser,)
    permission_classes, scope = (MayAsk,), scopes.SEARCH
    # No session, as for a search: its cookie would make a logged-in visitor's request need a CSRF token.
    authentication_classes = (KeyAuthentication, TokenAuthentication)

    def get_throttles(self) -> list[BaseThrottle]:
        """Counted as a hard one until it is known what it took: hard ones that come at once are counted in time."""
        return [BrowseThrottle(BASKETS_COST)]

    @extend_schema(
        summary="Choose a basket within a budget",
        description=(
            "One product for each thing, with the highest sum of similarities that the budget buys. The choice is "
            "exact: no other basket in stock and within the budget is more similar; of equally similar baskets the "
            "cheaper one comes first. Two things may get the same product, which is then bought twice. If there is no "
            "basket, `missing` says why, and what the cheapest one costs. `left_out` names the candidates that cannot "
            "be bought."
        ),
        tags=["search"],
        request=BasketsSerializer,
        responses=BasketsAnswerSerializer,
        examples=[
            OpenApiExample("A lamp and a bed", value=examples.BASKETS, request_only=True),
            OpenApiExample("Of a search", value=examples.BASKETS_OF_A_SEARCH, request_only=True),
            OpenApiExample("It fits", value=examples.BASKETS_ANSWER, response_only=True),
            OpenApiExample("Too dear", value=examples.TOO_DEAR, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        watch = Stopwatch()
        asked = BasketsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        with watch.stage("read"):
            found = offers.read(given["candidates"], given["currency"])
        begun = time.thread_time()
        try:
            with watch.stage("choose"):
                best = _best(found.things, given["budget"], given["limit"])
        finally:  # A hard one takes a second of a core, and an easy one a millisecond.
            cost = 1 + int((time.thread_time() - begun) / SHARE)
            BrowseThrottle().settle(request, BASKETS_COST, cost)
        answer = _answer(best, found, given, request.build_absolute_uri("/"))
        return Response({**answer, "timings_ms": watch.timings_ms()})


def _best(things: Mapping[int, Sequence[Offer]], budget: Decimal, limit: int) -> list[Basket]:
    try:
        return baskets.best(things, budget, limit)
    except UnprovenError as error:
        message = "The best basket was not found in time. Ask for fewer baskets, or send fewer candidates."
        raise ServiceUnavailable(message, "basket_too_hard") from error


def _answer(best: Sequence[Basket], found: Offers, given: Mapping[str, Any], origin: str) -> Json:
    cheapest = None if best else _cheapest(found)
    shown = [*best, cheapest] if cheapest else best
    skus = {offer.sku for basket in shown for offer in basket.offers.values()}
    prefetch_related_objects([found.products[sku] for sku in skus], "photos")
    return {
        "budget": str(given["budget"]),
        "currency": given["currency"],
        "baskets": [_basket(basket, found.products, origin) for basket in best],
        "missing": None if best else _missing(cheapest, found, given, origin),
        "left_out": [{"thing": one.thing, "sku": one.sku, "reason": one.reason.value} for one in found.refused],
    }


def _cheapest(found: Offers) -> Basket | None:
    """The cheapest basket of the things for which anything can be bought."""
    things = {thing: offers for thing, offers in found.things.items() if offers}
    return baskets.cheapest(things) if things else None


def _missing(cheapest: Basket | None, found: Offers, given: Mapping[str, Any], origin: str) -> Json:
    empty = [thing for thing, offers in found.things.items() if not offers]
    above = max(NONE, cheapest.total - given["budget"]) if cheapest else NONE
    return {
        "text": _in_words(empty, above, given["currency"]),
        "things": empty,
        "above": str(above),
        "cheapest": cheapest and _basket(cheapest, found.products, origin),
    }


def _in_words(empty: Sequence[int], above: Decimal, currency: str) -> str:
    sentences = []
    if empty:
        named = f"thing {empty[0]}" if len(empty) == 1 else f"the things {', '.join(map(str, empty))}"
        sentences.append(f"No candidate for {named} can be bought in {currency}.")
    if above:
        basket = "cheapest basket of the others" if empty else "cheapest basket"
        sentences.append(f"The {basket} is {above} {currency} above the budget.")
    return " ".join(sentences)


def _basket(basket: Basket, products: Mapping[str, Product], origin: str) -> Json:
    return {
        "total": str(basket.total),
        "similarity": basket.similarity,
        "products": [_product(thing, offer, products[offer.sku], origin) for thing, offer in basket.offers.items()],
    }


def _product(thing: int, offer: Offer, product: Product, origin: str) -> Json:
    photo = next(iter(product.photos.all()), None)
    return {
        "thing": thing,
        "product": shown_fields.as_json(product),
        "photo": photo and urljoin(origin, photo.file.url),
        "similarity": round(offer.similarity, baskets.DIGITS),
    }
