"""The widget's file: what it is built of, how large it is, and how any page may load it."""

import gzip
import hashlib
import re
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from storefront.widget_file import FILE
from tests.test_client import UNREACHABLE

SOURCES: Path = FILE.parent
TEXTS = SOURCES / "src" / "texts"
# What a page that loads it by a slow mobile network may wait for.
MOST_BYTES = 40_000
# Sentences of calls that the widget does not make.
UNSAID = {"not_explainable", "too_hard"}


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="no Node with npm")
def test_it_is_built_of_its_sources(tmp_path):
    """make widget builds it anew."""
    lock, installed = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = run("npm", "ci", "--no-audit", "--no-fund")
        if any(code in done.stderr for code in UNREACHABLE):
            pytest.skip("the npm registry is out of reach")
        assert done.returncode == 0, done.stderr
    done = run("node", "build.mjs", tmp_path / "widget.js")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "widget.js").read_text() == FILE.read_text()


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=250)


def test_it_is_small_and_asks_for_nothing_that_a_strict_policy_forbids():
    script = FILE.read_text()
    assert len(gzip.compress(script.encode())) < MOST_BYTES
    # HTML and styles in place, code in texts, addresses of blobs, and what is kept with the visitor.
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b|new Function|createObjectURL|cookie|\w+Storage\b"
    assert re.findall(forbidden, script) == []


def test_any_page_may_load_it_and_keep_it():
    answer = Client().get("/widget.js")
    assert answer.content == FILE.read_bytes()
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Cache-Control"] == "public, max-age=3600"
    again = Client().get("/widget.js", headers={"If-None-Match": answer["ETag"], "Origin": "https://shop.example"})
    assert again.status_code == 304
    assert again["Access-Control-Allow-Origin"] == "*"
    assert again["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_it_is_sent_compressed_to_who_takes_that():
    answer = Client().get("/widget.js", headers={"Accept-Encoding": "br, gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.content) == FILE.read_bytes()
    assert answer["ETag"] != Client().get("/widget.js")["ETag"]
    for turned_down in ("gzip;q=0", "br, gzip; q=0.0", "identity"):
        answer = Client().get("/widget.js", headers={"Accept-Encoding": turned_down})
        assert "Content-Encoding" not in answer.headers


def test_below_the_address_of_its_version_it_is_kept_for_ever():
    version = hashlib.sha384(FILE.read_bytes()).hexdigest()[:16]
    assert Client().get(f"/widget.js?v={version}")["Cache-Control"] == "public, max-age=31536000, immutable"
    # During an upgrade a server may still have the former one.
    assert Client().get("/widget.js?v=0123456789abcdef")["Cache-Control"] == "no-store"


def test_it_says_the_same_things_in_every_language():
    names = {
        path.stem: set(re.findall(r"^  (\w+):", path.read_text(), re.MULTILINE)) for path in sorted(TEXTS.glob("*.js"))
    }
    assert set(names) == {"english", "french", "german", "spanish"}
    scripts = settings.BASE_DIR / "storefront/static/storefront"
    shared = "".join((scripts / name).read_text() for name in ("failures.js", "box.js"))
    english = names.pop("english") | set(re.findall(r"^  ([a-z_]+): \"", shared, re.MULTILINE))
    # The API's own sentences are English.
    own = {"photo_corrupt", "photo_too_small", "refused_image", "refused_words"}
    for language, said in names.items():
        assert said == english - UNSAID | own, language


def test_places_to_fill_are_the_same_in_every_language():
    def places(path: Path) -> dict[str, list[str]]:
        return {
            name: sorted(re.findall(r"\{\w+\}", text))
            for name, text in re.findall(r"^  (\w+):\s+\"(.*)\",$", path.read_text(), re.MULTILINE)
        }

    english = places(TEXTS / "english.js")
    for path in TEXTS.glob("*.js"):
        assert {name: found for name, found in places(path).items() if english.get(name, found) != found} == {}


def test_the_example_page_is_there_only_where_it_is_wanted(settings):
    settings.STOREFRONT_EXAMPLE = ""
    assert Client().get("/example/").status_code == 404
    settings.STOREFRONT_EXAMPLE, settings.STOREFRONT_KEY = "SOF-001", "pk_1"
    answer = Client().get("/example/")
    text = answer.content.decode()
    assert "require-trusted-types-for 'script'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    digest = b64encode(hashlib.sha384(FILE.read_bytes()).digest()).decode()
    assert f'integrity="sha384-{digest}"' in text
    assert text.count('key="pk_1"') == 3  # Both elements and the page's own script.
    assert 'sku="&quot;&gt;"' in Client().get("/example/", {"sku": '">'}).content.decode()


def test_the_docs_name_its_variables_and_parts_as_they_are():
    page = (settings.BASE_DIR / "docs" / "widget.md").read_text()
    styles = (SOURCES / "widget.css").read_text()
    variables = r"--lamplight-[\w-]+"
    assert set(re.findall(variables, page)) == set(re.findall(variables, styles))
    source = "".join(path.read_text() for path in (SOURCES / "src").glob("*.js"))
    classes = re.findall(r'(?:made\("\w+", |utton\(|"part", )"([\w ]+)"', source)
    parts = {part for named in classes for part in named.split()}
    [table] = re.findall(r"\| element \| parts \|\n(.*?)\n\n", page, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", table)) <= parts
    told = set(re.findall(r'this\.tell\("(\w+)"', source))
    assert set(re.findall(r"`lamplight:(\w+)`", page)) == told
    attributes = set(re.findall(r"^\| `(\w[\w-]*)` \|", page, re.MULTILINE))
    observed = re.findall(r"(?:ATTRIBUTES|observedAttributes) = \[(.*)\]", source)
    # Frameworks keep `key` for themselves, so it is told beside the name that works in all.
    assert attributes == set(re.findall(r'"([\w-]+)"', "".join(observed))) - {"key"}
