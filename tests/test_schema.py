"""The API against its own schema: whatever schemathesis invents is answered as documented, and never with a 500."""

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from config.wsgi import application
from search.models import Space

# A schema cannot say which categories exist, nor that an unknown query parameter is passed over.
UNDECIDABLE = [positive_data_acceptance, negative_data_rejection]
schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = application


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_its_own_schema(case):
    Space.objects.get_or_create(
        name="schema",
        defaults={"recipe": {"weights": "random"}, "dimensions": 8, "state": Space.State.LIVE},
    )
    case.call_and_validate(excluded_checks=UNDECIDABLE)
