"""A page of another origin searches by photo with its key, in a real browser. One of a third origin does not."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from access.models import Key
from tests.storefront.conftest import in_thread, picture

ASK = """async ([address, key, bytes]) => {
    const form = new FormData();
    form.append("image", new Blob([new Uint8Array(bytes)], { type: "image/png" }), "mine.png");
    const headers = { Authorization: `Bearer ${key}` };
    try {
        const answer = await fetch(`${address}/api/v1/search/`, { method: "POST", body: form, headers });
        const body = await answer.json();
        const photo = new Image();
        const shown = new Promise(done => { photo.onload = () => done(true); photo.onerror = () => done(false); });
        photo.src = body.results?.[0].photo ?? "";
        return [answer.status, body.results?.length > 0, await shown, !!answer.headers.get("X-Request-ID")];
    } catch (error) {
        return error.name;
    }
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def served(folder) -> Iterator[str]:
    server = ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page_of_the_shop(tmp_path) -> Iterator[str]:
    (tmp_path / "index.html").write_text("<!doctype html><title>Shop</title>")
    yield from served(tmp_path)


@pytest.fixture
def page_of_somebody(tmp_path) -> Iterator[str]:
    yield from served(tmp_path)


def make_key(origin: str) -> str:
    key = Key(name="page", kind="pk", scopes=["search"], origins=[origin])
    secret = key.renew()
    key.full_clean()
    key.save()
    return secret


def test_a_page_searches_with_its_key_and_no_other_page_does(running_shop, watched, page_of_the_shop, page_of_somebody):
    secret = in_thread(lambda: make_key(page_of_the_shop))
    asked = [running_shop, secret, list(picture("red", "dots"))]
    watched.page.goto(page_of_the_shop)
    assert watched.page.evaluate(ASK, asked) == [200, True, True, True]
    watched.page.goto(page_of_somebody)
    assert watched.page.evaluate(ASK, asked) == "TypeError"
    assert any("blocked by CORS policy" in told for told in watched.complaints)
    in_thread(lambda: Key.objects.get().revoke())
    watched.page.goto(page_of_the_shop)
    assert watched.page.evaluate(ASK, asked) == "TypeError"
