"""The texts of a shop's products, indexed as a worker does it."""

from catalog import synonyms
from ml.text_encoder import TextEncoder
from search import text_encoders, text_indexing


def installed_encoder() -> TextEncoder:
    encoder = text_encoders.text_encoder()
    assert encoder
    return encoder


def index_texts() -> None:
    while text_indexing.index_batch(installed_encoder()):
        pass


def forget_synonyms() -> None:
    """As when the seconds are over for which a process keeps them."""
    synonyms._synonyms.cache_clear()
    synonyms.synonyms_within.cache_clear()
