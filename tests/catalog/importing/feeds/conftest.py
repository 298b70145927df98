import pytest

from catalog.importing.recognition import read


@pytest.fixture
def sent(tmp_path):
    """The rows of a file with this text."""

    def write(text, name="export.csv", format_name=""):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, format_name=format_name)

    return write
