"""Pages of shops on servers of their own: other origins than Lamplight's, with a policy as strict as theirs may be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from access.live_origins import kept
from access.models import Key
from storefront.widget_file import script
from tests.storefront.conftest import in_thread

# All that docs/widget.md says a shop needs, and nothing else.
POLICY = (
    "default-src 'none'; script-src {lamplight}; connect-src {lamplight}; img-src {lamplight}; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)
PAGE = """<!doctype html>
<html lang="{lang}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>A shop</title>
  <link rel="icon" href="{lamplight}/static/storefront/lamp.svg">
  <script defer src="{lamplight}/widget.js" integrity="{integrity}" crossorigin></script>
</head>
<body>
  <main>
    <h1>A shop</h1>
    <input type="search" aria-label="Search">
    <lamplight-search publishable-key="{key}" {attributes}>{inside}</lamplight-search>
    {below}
  </main>
</body>
</html>"""


class Shop:
    """A server of pages of one origin."""

    def __init__(self, origin: str, lamplight: str) -> None:
        self.origin, self.lamplight = origin, lamplight
        self.pages: dict[str, str] = {}

    def show(self, key: str, lang: str = "en", attributes: str = "", inside: str = "", below: str = "") -> str:
        """Have the shop's front page hold the elements. Returns its address."""
        self.pages["/"] = PAGE.format(
            key=key,
            lang=lang,
            attributes=attributes,
            inside=inside,
            below=below,
            lamplight=self.lamplight,
            integrity=script().integrity,
        )
        return f"{self.origin}/"


@contextmanager
def served(lamplight: str) -> Iterator[Shop]:
    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            page = shop.pages.get(self.path.partition("?")[0], "<!doctype html><title>Another page</title>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", POLICY.format(lamplight=lamplight))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    shop = Shop(f"http://localhost:{server.server_port}", lamplight)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_key(origin: str, scopes: tuple[str, ...] = ("search", "events")) -> str:
    """A publishable key for the pages of an origin."""

    def make() -> str:
        key = Key(name="page", kind="pk", scopes=[*scopes], origins=[origin])
        secret = key.renew()
        key.full_clean()
        key.save()
        # Requests that come at once are answered by what is known while the first of them asks for the origins anew.
        kept.has(origin)
        return secret

    return str(in_thread(make))
