"""What the environment says."""

import pytest

from config.environment import Environment


@pytest.mark.parametrize("value", ["$ecret", "$PATH", "\\$ecret", "a$b", " two words ", ""])
def test_text_is_taken_as_it_is(value, monkeypatch):
    monkeypatch.setenv("SHOP", value)
    assert Environment().str("SHOP", default="no") == value


@pytest.mark.parametrize(
    ("value", "read"), [("1", True), ("on", True), ("True", True), ("0", False), ("NO", False), ("", False)]
)
def test_yes_and_no_are_read_as_people_write_them(value, read, monkeypatch):
    monkeypatch.setenv("SHOP", value)
    assert Environment().bool("SHOP", default=not read) is read
