"""What browsers may do with an answer."""

import pytest
from django.urls import reverse

from config import headers
from storefront.views import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "policy"),
    [
        ("/", CONTENT_SECURITY_POLICY),
        ("/admin/login/", headers.ADMIN),
        ("/admin/nowhere/", headers.ADMIN),
        ("/api/docs/", headers.DOCS),
        ("/api/schema/", headers.NOTHING),
        ("/api/v1/products/", headers.NOTHING),
        ("/nowhere", headers.NOTHING),
    ],
)
def test_every_answer_says_what_it_may_run(client, address, policy):
    answer = client.get(address)
    assert answer["Content-Security-Policy"] == policy
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_a_refusal_has_the_headers_too(client):
    answer = client.get("/", headers={"host": "evil.example"})
    assert (answer.status_code, answer["Content-Security-Policy"]) == (400, headers.NOTHING)


def test_other_sites_may_show_photos(client, photo):
    answer = client.get(photo("red").file.url)
    assert answer.status_code == 200
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Content-Security-Policy"] == headers.NOTHING


def test_the_docs_run_in_a_browser_without_a_complaint(live_server, watched):
    watched.page.goto(f"{live_server.url}{reverse('docs')}")
    watched.page.get_by_text("Search by photo", exact=True).wait_for()
    assert watched.complaints == []
