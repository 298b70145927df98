"""ZIP files made on the spot: honest ones, and such as only an attacker makes."""

import io
import struct
import warnings
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

CENTRAL = b"PK\x01\x02"
# Where each of these stands in an entry of the list of entries, and its struct format.
FIELDS = {"flags": (8, "<H"), "unpacked": (24, "<I"), "start": (42, "<I")}


def zipped(files: dict[str, bytes] | list[tuple[str | ZipInfo, bytes]], compression: int = ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with ZipFile(out, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that comes twice
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return out.getvalue()


def lying(data: bytes, entry: int, **told: int) -> bytes:
    """The ZIP with false facts about entry number `entry` in its list of entries."""
    start = -1
    for _ in range(entry + 1):
        start = data.index(CENTRAL, start + 1)
    changed = bytearray(data)
    for name, value in told.items():
        offset, kind = FIELDS[name]
        struct.pack_into(kind, changed, start + offset, value)
    return bytes(changed)


class Unflagged(ZipInfo):
    """An entry whose name is written as these bytes, without a word on what they are."""

    def __init__(self, raw, extra=b""):
        super().__init__(raw.decode("cp437"))
        self.raw, self.extra = raw, extra

    def _encodeFilenameFlags(self):  # noqa: N802  zipfile's own name
        return self.raw, self.flag_bits
