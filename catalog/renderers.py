"""The API's answers as JSON."""

from typing import Any

from rest_framework import renderers


class _ASCIIRenderer(renderers.JSONRenderer):
    ensure_ascii = True


class JSONRenderer(renderers.JSONRenderer):
    """DRF's renderer, but an answer may repeat half of a surrogate pair: it is escaped, since UTF-8 cannot hold it."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        try:
            return super().render(data, *args, **kwargs)
        except UnicodeEncodeError:
            return _ASCIIRenderer().render(data, *args, **kwargs)
