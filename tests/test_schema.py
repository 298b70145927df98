"""The API against its own schema: whatever schemathesis invents is answered as documented, and never with a 500."""

from typing import Any

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from rest_framework.authtoken.models import Token
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    unsupported_method,
)

from catalog.models import Category, Product
from catalog.photos import add_photo
from config.wsgi import application
from search import encoders, indexing
from search.models import Embedding, Space
from tests.conftest import picture
from tests.grid_space import DIMENSIONS, RECIPE, GridEncoder

# A schema cannot say which categories exist, nor that an unknown query parameter is ignored.
UNDECIDABLE = [positive_data_acceptance, negative_data_rejection]


def openapi() -> Any:
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = application
    return schema


schema = openapi()
# Mistakes in single fields are tried once, as staff: whether a stranger may ask does not depend on them.
briefly = openapi()
briefly.config.phases.coverage.enabled = False


@pytest.fixture
def shop(media, monkeypatch):
    """One lamp with one indexed photo, made anew where a request deleted or changed it. Gives a staff token."""
    monkeypatch.setattr(encoders, "encoder_for", lambda space: GridEncoder())

    whole = Embedding.objects.filter(
        photo__product__sku="LAM-1", category__slug="lamp", photo__product__category__slug="lamp"
    )
    token = ""

    def make() -> str:
        nonlocal token
        if token and whole.exists():
            return token
        space, _ = Space.objects.get_or_create(
            name="schema", defaults={"recipe": RECIPE, "dimensions": DIMENSIONS, "state": Space.State.LIVE}
        )
        category, _ = Category.objects.get_or_create(slug="lamp", defaults={"name": "Lamp"})
        product, _ = Product.objects.get_or_create(sku="LAM-1", defaults={"name": "Lamp", "category": category})
        add_photo(product, picture("red"))
        indexing.index_batch(space)
        staff, _ = get_user_model().objects.get_or_create(username="staff", is_superuser=True, is_staff=True)
        token = Token.objects.get_or_create(user=staff)[0].key
        return token

    return make


def aim(case, token: str) -> None:
    """Point a request at what exists: invented skus and photos would only ever be refused."""
    case.headers = {**(case.headers or {}), "Authorization": f"Token {token}"}
    if "sku" in (case.path_parameters or {}):
        case.path_parameters["sku"] = "LAM-1"
    if "slug" in (case.path_parameters or {}):
        case.path_parameters["slug"] = "lamp"


def unnameable(case) -> list:
    """The schema writes image.INDEX where an answer has image.0."""
    return [response_schema_conformance] if case.path.endswith(("/photos/", "/baskets/")) else []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@briefly.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_strangers_are_answered_as_documented(case, shop):
    shop()
    case.call_and_validate(excluded_checks=[*UNDECIDABLE, *unnameable(case)])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_staff_are_answered_as_documented(case, shop):
    aim(case, shop())
    case.call_and_validate(excluded_checks=[*UNDECIDABLE, *unnameable(case), ignored_auth, unsupported_method])
