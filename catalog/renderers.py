"""The API's answers as JSON."""

from typing import Any

from rest_framework import renderers


class JSONRenderer(renderers.JSONRenderer):
    """DRF's renderer, but an answer may repeat half of a surrogate pair, which JSON can hold and UTF-8 cannot."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        try:
            return super().render(data, *args, **kwargs)
        except UnicodeEncodeError:
            self.ensure_ascii = True  # It is answered as it was sent, such as \ud800.
            return super().render(data, *args, **kwargs)
