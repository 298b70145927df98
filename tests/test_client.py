"""The TypeScript client: what the schema says today, compiled strictly, and used against a real server."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from search import encoders
from tests.grid_space import GridEncoder
from tests.small_shop import DEMO, open_shop

CLIENT: Path = settings.BASE_DIR / "clients" / "typescript"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="no Node with npm"),
]


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tools() -> None:
    """Install what package-lock.json names, once and again when it changed."""
    lock, installed = CLIENT / "package-lock.json", CLIENT / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=CLIENT, capture_output=True, text=True, timeout=250
    )
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip("the npm registry is out of reach")
    assert done.returncode == 0, done.stderr


def test_the_types_are_those_of_the_schema(tools, tmp_path):
    """make client writes them anew."""
    schema, types = tmp_path / "openapi.json", tmp_path / "schema.d.ts"
    schema.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    run("node", "generate.mjs", schema, types)
    assert types.read_text() == (CLIENT / "src" / "schema.d.ts").read_text()


@pytest.mark.django_db(transaction=True)
def test_the_example_is_compiled_and_finds_products(tools, media, monkeypatch, tmp_path, live_server):
    monkeypatch.setattr(encoders, "encoder_for", lambda space: GridEncoder())
    open_shop(tmp_path)
    run("npm", "run", "build")
    seen, *lines = run(
        "node", "dist/examples/search.js", live_server.url, DEMO / "queries" / "BED-017.webp"
    ).splitlines()
    assert seen.startswith("Seen as ")
    assert "BED-017  BALDACHIN four-poster bed  690.00 EUR" in lines[0]
    assert lines[-2] == "Oak chairs: 1"
    assert lines[-1].endswith("CHA-001  HOLMEN dining [chair]  129.00 EUR")
