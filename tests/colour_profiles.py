"""Colour profiles made on the spot, whose numbers mean something else than sRGB's."""

import struct

D50 = (0.9642, 1.0, 0.8249)
# What sRGB's primaries are under D50.
RED, GREEN, BLUE = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    body, places = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        places += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02100000, b"mntr", space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + places + body


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*values)


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def swapped_rgb() -> bytes:
    """What is called red is green, green is blue and blue is red."""
    curves = {name: gamma(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")}
    return profile(
        b"RGB ", b"XYZ ", {b"wtpt": xyz(*D50), b"rXYZ": xyz(*GREEN), b"gXYZ": xyz(*BLUE), b"bXYZ": xyz(*RED), **curves}
    )


def linear_grey() -> bytes:
    """Half of 255 is half of the light."""
    return profile(b"GRAY", b"XYZ ", {b"wtpt": xyz(*D50), b"kTRC": gamma(1)})


def red_ink() -> bytes:
    """CMYK whose cyan is red. The other inks are as white as paper."""
    red, white = bytes([136, 208, 195]), bytes([255, 128, 128])  # L, a and b of 8 bits
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += identity * 4 + white * 8 + red * 8 + identity * 3
    return profile(b"CMYK", b"Lab ", {b"wtpt": xyz(*D50), b"A2B0": table})
