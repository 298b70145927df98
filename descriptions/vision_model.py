"""A vision-language model behind an OpenAI-compatible chat endpoint: one photo goes in, a text of it comes out.

vLLM, Ollama, llama.cpp and many others serve it. Nothing here knows the database or a setting.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from descriptions.caption_text import plain

PROMPT = (
    "Describe the product in this photo for a shop's search, in one or two plain sentences. Name what it is, its "
    "colours, materials, shape and style, as far as they can be seen. Do not guess its brand, price or size. Begin "
    "with the product itself, without any opening phrase, and use no markup."
)
# What is asked, apart from the prompt: all captions are made anew when it is raised.
FORM = 1
MAX_TOKENS = 150  # Two sentences take 60; a model that goes on is cut off at its last whole one.
# Seconds. A model of 7 billion parameters takes 2 on a GPU, half a minute on a CPU.
CONNECT, READ = 5.0, 60.0
MOST_BYTES = 1_000_000
LONGEST_REST = timedelta(hours=1)  # However long a server says to stay away.
TOLD = 200  # Characters shown of what a server says.
# More tokens than any request has: such a number is no count.
MOST_TOKENS = 10_000_000
AWAY = {429, 502, 503, 504, 529}
SET_UP = {401, 402, 403, 404, 405, 407}
CUT_OFF = "The model was cut off before it wrote a sentence: choose one that does not think aloud."
BROKEN_OFF = "The server closed the connection before its answer was whole."
SECRET = {401, 403, 407}  # What a server says of a key may hold a part of it.


@dataclass(frozen=True)
class Usage:
    """What a request took; None where the server does not tell."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True)
class Written:
    """What the model wrote of a photo."""

    text: str
    usage: Usage


class NoCaption(Exception):  # noqa: N818  it names what became of the photo
    """The model wrote nothing that could be kept. The message says why in a sentence, without address and key."""

    usage = Usage()


class Useless(NoCaption):
    """The server refuses this photo, or answers with no text. Asking again would hardly help."""

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.usage = usage or Usage()


class Unanswered(NoCaption):
    """The server failed at this photo, or took too long. It may pass."""


class Away(NoCaption):
    """The server cannot be reached, or wants to be left alone. It may pass, and holds for all photos."""

    def __init__(self, reason: str, rest: timedelta | None = None) -> None:
        super().__init__(reason)
        self.rest = rest
        """How long the server wants no request; None if it does not say."""


class WrongSetUp(NoCaption):
    """Address, model or key are refused. It holds for all photos until somebody sets them right."""


@dataclass(frozen=True)
class VisionModel:
    """Where a model is served, and what it is asked."""

    url: str
    """The server's base, such as http://127.0.0.1:11434/v1, or the whole address of its chat endpoint."""
    name: str
    key: str = field(default="", repr=False)
    prompt: str = PROMPT
    language: str = "English"
    longest: int = 1_000
    """The most characters of a text."""
    connect: float = CONNECT
    read: float = READ

    @property
    def fingerprint(self) -> str:
        """Tells models and prompts apart whose texts differ. Where the model is served does not count."""
        asked = json.dumps([FORM, self.name, self.prompt, self.language])
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    @property
    def endpoint(self) -> str:
        base = self.url.rstrip("/")
        return base if base.endswith("/chat/completions") else f"{base}/chat/completions"

    def write(self, jpeg: bytes) -> Written:
        """What the model writes of a photo. Thread-safe.

        Raises NoCaption: Useless, Unanswered, Away or WrongSetUp.
        """
        return self._read(*self._asked(jpeg))

    def _asked(self, jpeg: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """The server's answer: status, headers, body."""
        deadline = time.monotonic() + self.read
        try:
            with requests.post(
                self.endpoint,
                json=self._question(jpeg),
                auth=_bearer(self.key) if self.key else None,
                timeout=(self.connect, self.read),
                allow_redirects=False,  # The key is for this server alone.
                stream=True,
            ) as answer:
                return answer.status_code, answer.headers, _bounded(answer, deadline)
        except requests.RequestException as error:
            raise _unreached(error, self.read) from error
        except HTTPError as error:
            raise Unanswered(BROKEN_OFF) from error
        except (ValueError, OSError) as error:  # An address that is none, or a key that no header can hold.
            raise WrongSetUp("No request could be made of the address and the key.") from error

    def _question(self, jpeg: bytes) -> dict[str, Any]:
        photo = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        content = [
            {"type": "text", "text": f"{self.prompt} Write in {self.language}."},
            {"type": "image_url", "image_url": {"url": photo}},
        ]
        return {
            "model": self.name,
            "max_tokens": MAX_TOKENS,
            "temperature": 0,
            "messages": [{"role": "user", "content": content}],
        }

    def _read(self, status: int, headers: Mapping[str, str], body: bytes) -> Written:
        answer = _json(body)
        if not 200 <= status < 300:
            raise self._refused(status, headers, answer)
        if not isinstance(answer, dict):
            raise Useless("The server did not answer with JSON: is CAPTION_URL a chat endpoint?")
        usage = _usage(answer.get("usage"))
        content, is_cut = _content(answer)
        if content is None:
            raise Useless("The server's answer has no text.", usage)
        if text := plain(content, self.longest, is_cut):
            return Written(text, usage)
        raise Useless(CUT_OFF if is_cut else "The model wrote no word.", usage)

    def _refused(self, status: int, headers: Mapping[str, str], answer: Any) -> NoCaption:
        reason = f"The server answered with {status}{self._told(answer) if status not in SECRET else ''}."
        if status in AWAY:
            return Away(reason, _rest(headers.get("Retry-After", "")))
        if status in SET_UP:
            return WrongSetUp(f"{reason} Look at CAPTION_URL, CAPTION_MODEL and CAPTION_KEY.")
        if status < 400:
            return WrongSetUp(f"The server sends requests elsewhere ({status}): set CAPTION_URL to the new address.")
        return Unanswered(reason) if status >= 500 or status in (408, 425) else Useless(reason)

    def _told(self, answer: Any) -> str:
        """What the server says of an error, as far as it is known where it stands."""
        said = answer.get("error", answer) if isinstance(answer, dict) else None
        said = said.get("message") if isinstance(said, dict) else said
        if not isinstance(said, str):
            return ""
        text = plain(said.replace(self.key, "the key") if self.key else said, 10 * TOLD)
        return f": {text[:TOLD].rstrip('. ')}" if text else ""


def _bearer(key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Sends the key. Set as a header, it would give way to what a .netrc has for the server."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return sign


def _bounded(answer: requests.Response, deadline: float) -> bytes:
    """The body. Raises Useless if it is too large, Unanswered if it trickles."""
    body = b""
    # What has come is read, however little, so that the deadline is looked at between any two packets.
    while part := answer.raw.read1(65_536, decode_content=True):
        body += part
        if len(body) > MOST_BYTES:
            raise Useless(f"The server's answer has over {MOST_BYTES // 1_000_000} MB.")
        if time.monotonic() > deadline:
            raise Unanswered("The server's answer did not come to its end in time.")
    return body


def _unreached(error: requests.RequestException, seconds: float) -> NoCaption:
    """Why no answer came. The library's own words would hold the address, and those of a bad header the key."""
    cause = error.args[0] if error.args else None
    lost = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    if lost or isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return Away("The server cannot be reached.")
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return Unanswered(f"The server did not answer within {seconds:g} s.")
    if isinstance(error, requests.exceptions.SSLError):
        return WrongSetUp("The server's certificate is not trusted.")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return Unanswered(BROKEN_OFF)
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return Useless("The server's answer is packed in a way that cannot be read.")
    return WrongSetUp("No request could be made of the address and the key.")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _content(answer: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The text of the first choice, None if it has none, and whether the model was cut off."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(message := first.get("message"), dict):
        return None, False
    content = message.get("content")
    return content if isinstance(content, str) else None, first.get("finish_reason") == "length"


def _usage(told: Any) -> Usage:
    counts = told if isinstance(told, dict) else {}
    return Usage(_count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens")))


def _count(told: Any) -> int | None:
    return told if type(told) is int and 0 <= told <= MOST_TOKENS else None


def _rest(told: str) -> timedelta | None:
    """What a Retry-After says, in seconds or as a date; None if it says nothing."""
    told = told.strip()
    if told.isascii() and told.isdigit():
        return min(timedelta(seconds=int(told[:9])), LONGEST_REST)
    try:
        date = parsedate_to_datetime(told)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(date - datetime.now(UTC), timedelta(0)), LONGEST_REST)
