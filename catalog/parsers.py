from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from catalog.errors import TooLarge


class BoundedJSONParser(JSONParser):
    """DRF's parser, but text nested too deep for Python's parser is a 400 instead of a 500."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error


class SmallJSONParser(BoundedJSONParser):
    """JSON of `most_bytes` at most, for requests that need no account."""

    most_bytes: int
    named: str
    """What the body is, such as "An event". The code of its refusal is made of it."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        # The middleware has checked that it is a number, and Django reads no more bytes than that.
        if int(parser_context["request"].META["CONTENT_LENGTH"]) > self.most_bytes:
            code = f"{self.named.split()[-1]}_too_large"
            raise TooLarge(f"{self.named} has at most {self.most_bytes:,} bytes.", code)
        return super().parse(stream, media_type, parser_context)
