import pytest


@pytest.fixture(autouse=True)
def web(feed_server):
    return feed_server
