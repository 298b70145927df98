"""A small server that speaks the protocol of an OpenAI-compatible chat endpoint over real HTTP, and can misbehave."""

import base64
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

Send = Callable[["Handler"], None]
USAGE = {"prompt_tokens": 900, "completion_tokens": 40}


@dataclass(frozen=True)
class Question:
    """What was asked in one request, as far as the protocol was kept."""

    path: str
    headers: dict[str, str]
    model: str
    text: str
    photo: Image.Image
    body: dict[str, Any]


@dataclass
class ChatServer:
    """What it was asked, and what it answers: the answers in turn, then the last one again and again."""

    url: str
    answers: list[Send]
    questions: list[Question] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer_with(self, *answers: Send) -> None:
        self.answers = list(answers)

    def next_answer(self) -> Send:
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_POST(self) -> None:
        chat = self.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with chat.lock:
            chat.questions.append(question(self, body))
            chat.at_once += 1
            chat.most_at_once = max(chat.most_at_once, chat.at_once)
        try:
            chat.next_answer()(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Who asked has gone.
        finally:
            with chat.lock:
                chat.at_once -= 1

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def question(handler: Handler, body: dict[str, Any]) -> Question:
    """Raises what it raises if a request is not as the protocol has it; its answer is then a closed connection."""
    [message] = body["messages"]
    text, photo = message["content"]
    assert (message["role"], text["type"], photo["type"]) == ("user", "text", "image_url")
    kind, _, data = photo["image_url"]["url"].partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    image.load()
    return Question(handler.path, dict(handler.headers), body["model"], text["text"], image, body)


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed where the client has gone: tests make it go."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def chat_server(*answers: Send) -> Iterator[ChatServer]:
    server = Server(("127.0.0.1", 0), type("OwnHandler", (Handler,), {}))
    server.daemon_threads = True
    chat = ChatServer(f"http://127.0.0.1:{server.server_address[1]}/v1", list(answers) or [caption()])
    server.RequestHandlerClass.chat = chat  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def completion(content: Any, usage: Any = USAGE, finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"id": "chat-1", "object": "chat.completion", "choices": [choice], "usage": usage}


def caption(text: Any = "A red lamp of painted steel.", **kwargs: Any) -> Send:
    return says(completion(text, **kwargs))


def says(answer: Any, status: int = 200, **headers: str) -> Send:
    return lambda handler: handler.send(status, json.dumps(answer).encode(), **headers)


def refuses(status: int, message: str = "no", **headers: str) -> Send:
    return says({"error": {"message": message, "type": "error"}}, status, **headers)


def sends(body: bytes, kind: str = "text/html", status: int = 200, **headers: str) -> Send:
    return lambda handler: handler.send(status, body, kind, **headers)


def closes(handler: Handler) -> None:
    """Closes the connection without an answer."""
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    """Closes the connection in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hangs(seconds: float, then: Send | None = None) -> Send:
    """Answers after a while."""

    def wait(handler: Handler) -> None:
        time.sleep(seconds)
        (then or caption())(handler)

    return wait


def trickles(parts: int, pause: float, is_sized: bool = False) -> Send:
    """Sends a byte now and then."""

    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header(*("Content-Length", str(parts)) if is_sized else ("Transfer-Encoding", "chunked"))
        handler.end_headers()
        try:
            for _ in range(parts):
                handler.wfile.write(b"{" if is_sized else b"1\r\n{\r\n")
                handler.wfile.flush()
                time.sleep(pause)
            handler.wfile.write(b"" if is_sized else b"0\r\n\r\n")
        except OSError:  # Nobody listens any more.
            handler.close_connection = True

    return drip
