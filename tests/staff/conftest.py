import pytest


@pytest.fixture(autouse=True)
def _media(media):
    """Every photo of these tests lies below the test's own folder."""
