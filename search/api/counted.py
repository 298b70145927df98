"""Views whose searches are counted."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics import searches


class CountedView(APIView):
    """A view that answers searches."""

    counted_kind: str
    counted_results = "results"
    """The field of an answer that holds what was found."""

    def finalize_response(self, request: Request, response: Response, *arguments: Any, **options: Any) -> Response:
        made = super().finalize_response(request, response, *arguments, **options)
        if request.method == "OPTIONS" or made.status_code == 405:
            return made  # It asked for no search.
        answer = made.data if isinstance(made, Response) and made.data else {}
        kind = _kind(self.counted_kind, answer)
        searches.observe(kind, made.status_code, answer, bool(answer.get(self.counted_results)))
        return made


def _kind(kind: str, answer: Mapping[str, Any]) -> str:
    """More exactly what it was. A request that was refused is known by its address alone."""
    if kind == "text":
        return f"text_{answer['mode']}" if "mode" in answer else kind
    if answer.get("words") and kind == "photo":
        return "photo_with_words"
    return "photo_of_room" if "objects" in answer else kind
