"""Names of files in a ZIP, as letters. Most programs say that theirs are UTF-8; the others leave it to be found out."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from zipfile import ZipInfo

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075
# The code pages of DOS and Windows, which programs write names in without saying which, by the letters they hold.
CODE_PAGES = {
    "cp437": "English (cp437)",
    "cp850": "Western European (cp850)",
    "cp852": "Central European (cp852)",
    "cp775": "Baltic (cp775)",
    "cp857": "Turkish (cp857)",
    "cp737": "Greek (cp737)",
    "cp866": "Cyrillic (cp866)",
    "cp862": "Hebrew (cp862)",
    "cp720": "Arabic (cp720)",
    "cp874": "Thai (cp874)",
    "cp932": "Japanese (cp932)",
    "cp936": "Chinese, simplified (cp936)",
    "cp950": "Chinese, traditional (cp950)",
    "cp949": "Korean (cp949)",
    "cp860": "Portuguese (cp860)",
    "cp861": "Icelandic (cp861)",
    "cp863": "Canadian French (cp863)",
    "cp865": "Nordic (cp865)",
    "cp1250": "Central European, Windows (cp1250)",
    "cp1251": "Cyrillic, Windows (cp1251)",
    "cp1252": "Western European, Windows (cp1252)",
    "cp1253": "Greek, Windows (cp1253)",
    "cp1254": "Turkish, Windows (cp1254)",
    "cp1255": "Hebrew, Windows (cp1255)",
    "cp1256": "Arabic, Windows (cp1256)",
    "cp1257": "Baltic, Windows (cp1257)",
    "cp1258": "Vietnamese, Windows (cp1258)",
}


class UnknownLetters(Exception):  # noqa: N818  it names the state of the ZIP
    """Nothing says which letters a name is written in, or what was said does not fit. The message is for people."""


def names_of(infos: Sequence[ZipInfo], code_page: str = "") -> list[str]:
    """The names of a ZIP's entries, in order.

    What the ZIP says of a name counts first. The names that it says nothing of are in `code_page`, one of CODE_PAGES,
    or else UTF-8 if all of them are. Raises UnknownLetters.
    """
    told = [_told(info) for info in infos]
    unsaid = [_raw(info) for info, name in zip(infos, told, strict=True) if name is None]
    decoded = iter(list(_decoded(unsaid, code_page)))
    return [next(decoded) if name is None else name for name in told]


def _raw(info: ZipInfo) -> bytes:
    """The bytes of a name that is not flagged as UTF-8: zipfile read them as cp437, which has a letter for each."""
    return info.orig_filename.encode("cp437")


def _told(info: ZipInfo) -> str | None:
    """The name in the letters that the ZIP says it is in; None if it does not say."""
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return info.orig_filename
    return _unicode_path(info.extra, zlib.crc32(_raw(info)))


def _unicode_path(extra: bytes, checksum: int) -> str | None:
    """The name in an entry's Unicode Path field; None without a field that was made for the name of this checksum."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and content[:5] == struct.pack("<BI", 1, checksum):
            with suppress(UnicodeDecodeError):
                return content[5:].decode()
    return None


def _decoded(names: list[bytes], code_page: str) -> Iterator[str]:
    for name in names:
        try:
            yield name.decode(code_page or "utf-8")
        except UnicodeDecodeError as error:
            if code_page:
                raise UnknownLetters(f"has the name {name.decode('cp437')!r}, which is not in {code_page}") from error
            raise UnknownLetters(
                "does not say in which letters its names are written, such as "
                f"{name.decode('cp850')!r} if they are Western European. Choose them (in the admin “Letters of its "
                "names”, for the command --zip-names cp850), or pack it again with names in UTF-8"
            ) from error
