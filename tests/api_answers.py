"""Reading the API's answers in tests."""

from typing import Any


def errors(response: Any) -> tuple[int, str, list[tuple[str | None, str]]]:
    """Status, type and the (attr, code) pairs of an answer, which must have the one error shape."""
    answer = response.json()
    assert set(answer) == {"type", "errors"}
    for error in answer["errors"]:
        assert set(error) == {"code", "detail", "attr"}
        assert error["detail"]
    return response.status_code, answer["type"], [(error["attr"], error["code"]) for error in answer["errors"]]


def invalid(attr: str, code: str) -> tuple[int, str, list[tuple[str | None, str]]]:
    return 400, "validation_error", [(attr, code)]


def not_found() -> tuple[int, str, list[tuple[str | None, str]]]:
    return 404, "client_error", [(None, "not_found")]


def unreadable() -> tuple[int, str, list[tuple[str | None, str]]]:
    return 400, "client_error", [(None, "parse_error")]


def skus(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [product["sku"] for product in response.json()["results"]]
