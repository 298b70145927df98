"""A write in chunks, as .NET sends it, over a socket to the web server with the whole application in it."""

import json
import socket
import threading

import pytest
from django.db import connections

from catalog.models import Product
from config.web.server import Server
from config.wsgi import application
from tests.config.web.conftest import Client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def answer(environ, start_response):
        try:
            return application(environ, start_response)
        finally:
            connections.close_all()

    server = Server(answer, listener, lambda request: None)
    thread = threading.Thread(target=server.run)
    thread.start()
    client = Client(port, "localhost")
    yield client
    client.close()
    server.stop()
    thread.join()


def test_a_patch_in_chunks_is_written(shop, editor, product):
    product("chair", sku="CH-1", name="Oak")
    token = "t" * 32
    body = json.dumps({"name": "Pine"}).encode()
    head = [
        "PATCH /api/v1/products/CH-1/ HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Cookie: sessionid={editor.cookies['sessionid'].value}; csrftoken={token}",
        f"X-CSRFToken: {token}",
        "Transfer-Encoding: chunked",
    ]
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    answer = shop.send("\r\n".join(head).encode() + b"\r\n\r\n" + b"".join(chunks) + b"0\r\n\r\n").answer()
    assert (answer.status, json.loads(answer.body)["name"]) == (200, "Pine")
    assert Product.objects.get().name == "Pine"
