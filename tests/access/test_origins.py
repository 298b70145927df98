"""How an origin is written."""

import pytest
from django.core.exceptions import ValidationError

from access.origins import normalised


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("https://shop.example", "https://shop.example"),
        (" HTTPS://Shop.Example/ ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("http://[2001:DB8:0:0:1:0:0:1]", "http://[2001:db8::1:0:0:1]"),
        ("http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]"),
        ("http://192.168.0.7:8000", "http://192.168.0.7:8000"),
        ("https://my_shop.example", "https://my_shop.example"),
        ("https://shop.example.", "https://shop.example."),
        ("https://xn--mbel-5qa.example", "https://xn--mbel-5qa.example"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(given, written):
    assert normalised(given) == written


@pytest.mark.parametrize(
    "given",
    ["", "shop.example", "*", "null", "https://*.shop.example", "https://shop.example/page", "https://a@shop.example",
     "https://shop.example?a", "ftp://shop.example", "https://möbel.example", "https://shop.example:99999", "http://[::1",
     "https://shop.example:0", "https://...", "https://-", "https://shop..example", "https://shop.-.example", "https://1",
     "https://1.2.3", "https://shop.example..", "http://[fe80::1%25eth0]", "http://[fe80::1%eth0]", "http://[v1.x]",
     "https://a:b"],
)  # fmt: skip
def test_what_is_none_is_refused_with_the_cure(given):
    with pytest.raises(ValidationError, match=r"is no origin\. Write scheme and name"):
        normalised(given)
