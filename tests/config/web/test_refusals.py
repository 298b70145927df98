"""What the server refuses itself may be read where the API's answers may."""

import pytest

from config.web import refusals


@pytest.mark.parametrize(("path", "is_read"), [("/api/v1/search/", True), ("/admin/", False), ("/readyz", False)])
def test_a_page_of_another_origin_may_read_a_refusal_of_the_api_alone(path, is_read):
    _, headers, _ = refusals.answer(refusals.BUSY, path)
    sent = dict(headers)
    assert (sent.get("Access-Control-Allow-Origin") == "*") == is_read
    assert (sent.get("Access-Control-Expose-Headers") == "X-Request-ID, Retry-After") == is_read
