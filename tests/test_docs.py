"""The documentation, held to the code: requests run as a reader pastes them, commands, settings and links."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, get_commands, load_command_class
from drf_spectacular.generators import SchemaGenerator

from access.models import Key
from search import encoders
from tests.grid_space import GridEncoder
from tests.small_shop import open_shop

PAGES = ("README.md", "docs/api.md")
ORIGIN = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCES = ("config/settings.py",)
# Objects whose keys are the shop's own, or differ from one answer to the next.
FREE = {"attributes"}


@dataclass
class Command:
    """A line of a page, and the answer that the page shows below it."""

    place: str
    text: str
    promised: Any = None

    @property
    def asks(self) -> bool:
        return self.text.startswith("curl ")

    @property
    def method(self) -> str:
        if named := re.search(r"-X (\w+)", self.text):
            return named[1]
        return "POST" if re.search(r" -[dF] ", self.text) else "GET"

    @property
    def path(self) -> str:
        [path] = re.findall(rf"{ORIGIN}([^\s\"?]*)", self.text)
        return str(path)


def commands(page: str) -> list[Command]:
    """The commands that ask the API or set a variable, with the JSON that follows them."""
    text = (settings.BASE_DIR / page).read_text()
    found: list[Command] = []
    for block in BLOCK.finditer(text):
        language, body = block.groups()
        if language == "json" and found:
            found[-1].promised = json.loads(body)
        elif language == "sh":
            line = text[: block.start()].count("\n") + 2
            lines = body.replace("\\\n", " ").splitlines()
            found += [Command(f"{page}:{line}", one) for one in lines if re.match(r"curl |[A-Z]+=\$\(", one)]
    return found


def differences(promised: Any, given: Any, at: str = "answer") -> Iterator[str]:
    """Where an answer has another shape than the promised one; null stands for anything."""
    if promised is None or given is None:
        return
    if isinstance(promised, dict) and isinstance(given, dict):
        if at.rpartition(".")[2] in FREE:
            return
        if promised.keys() != given.keys():
            yield f"{at} has {sorted(given)}, not {sorted(promised)}"
        for name in promised.keys() & given.keys():
            yield from differences(promised[name], given[name], f"{at}.{name}")
    elif isinstance(promised, list) and isinstance(given, list):
        if promised and not given:
            yield f"{at} is empty"
        for number, one in enumerate(given if promised else []):
            yield from differences(promised[0], one, f"{at}[{number}]")
    elif {type(promised), type(given)} > {int, float} or type(promised) is not type(given):
        yield f"{at} is {given!r}, not like {promised!r}"


@pytest.fixture
def token(transactional_db, media, monkeypatch, tmp_path: Path) -> str:
    monkeypatch.setattr(encoders, "encoder_for", lambda space: GridEncoder())
    return open_shop(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl or no bash")
def test_every_command_of_the_docs_is_answered_as_they_say(token, live_server):
    """They run in the order of the pages, for a reader needs what was made before."""
    wrong = []
    variables = f"TOKEN={token}\nKEY={make_key()}"
    for page in PAGES:
        for command in commands(page):
            text = command.text.replace(ORIGIN, live_server.url)
            if command.asks:
                status, answer = ask(f"{variables}\n{text}")
                refused = isinstance(command.promised, dict) and "errors" in command.promised
                if refused != (status >= 400):
                    wrong.append(f"{command.place}: {status} {answer} for {text}")
                elif command.promised is not None:
                    wrong += [f"{command.place}: {one}" for one in differences(command.promised, answer)]
                    if refused and codes(answer) != codes(command.promised):
                        wrong.append(f"{command.place}: refused with {codes(answer)}")
            elif not text.startswith(("TOKEN=", "KEY=")):
                variables += f"\n{text}"
    assert not wrong, "\n".join(wrong)


def make_key() -> str:
    """A key as the docs have it made."""
    key = Key(name="web page", kind="pk", scopes=["search", "read"], origins=["https://shop.example"])
    secret = key.renew()
    key.save()
    return secret


def ask(script: str) -> tuple[int, Any]:
    """Status and answer of the one request that ends a script.

    A search is logged after it was answered: an event that is faster is told again, as docs/events.md says.
    """
    told = "curl() { command curl -sS -w '\\n%{http_code}' \"$@\"; }"
    setting, _, request = script.rpartition("\n")
    asked = f"for again in $(seq 50); do answer=$({request}); [[ $answer = *unknown_query* ]] || break; sleep 0.1; done"
    done = subprocess.run(
        ["bash", "-euc", f'{setting}\n{told}\n{asked}\necho -n "$answer"'],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{request}: {done.stderr}"
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body else None


def codes(answer: Any) -> set[tuple[str | None, str]]:
    return {(error["attr"], error["code"]) for error in answer["errors"]}


def pages() -> list[Path]:
    """All that is written for readers, wherever it lies."""
    folders = (".", "docs", "demo", "clients/*")
    return [page for folder in folders for page in sorted(settings.BASE_DIR.glob(f"{folder}/*.md"))]


def test_every_link_leads_to_a_heading_that_is_there():
    links = [(page, link) for page in pages() for link in re.findall(r"\]\(([^):\s]+)\)", page.read_text())]
    broken = [f"{page.name}: {link}" for page, link in links if not leads_somewhere(page, link)]
    assert len(links) > 40
    assert not broken, "\n".join(broken)


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not heading or heading in headings(target))


def headings(page: Path) -> set[str]:
    """The page's headings, as GitHub names them in addresses."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_operation_of_the_api_is_shown_by_a_command():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    operations = {(method.upper(), path) for path, item in paths.items() for method in item}
    asked = [(command.method, command.path) for command in commands("docs/api.md") if command.asks]
    shown = {
        (method, path)
        for method, path in operations
        if any(method == verb and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), target) for verb, target in asked)
    }
    assert operations - shown == set()


def test_the_table_of_settings_has_every_variable_that_is_read_and_no_other():
    read = {
        name
        for source in SOURCES
        for name in re.findall(r"(?:env\.\w+|environ\.get)\(['\"](\w+)['\"]", (settings.BASE_DIR / source).read_text())
    }
    assert {"LAMPLIGHT_VAR", "WEB_PROCESSES"} < read
    assert set(names_of_rows("docs/configuration.md")) == read


def test_the_table_of_commands_has_every_command_of_ours():
    ours = {config.name for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}
    commands = {name for name, app in get_commands().items() if app in ours}
    assert set(names_of_rows("docs/commands.md")) - {"drf_create_token"} == commands


def names_of_rows(page: str) -> list[str]:
    """What the first cells of a page's tables name: `NAME`, or `command ARGUMENT`, or several of them."""
    rows = re.findall(r"^\| (`.*?) \|", (settings.BASE_DIR / page).read_text(), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)", row)]


def test_every_command_line_of_the_docs_has_arguments_that_the_command_takes():
    lines = [
        (page.name, line)
        for page in pages()
        for language, body in BLOCK.findall(page.read_text())
        if language == "sh"
        for line in re.findall(r"manage\.py ([^&|#\n)]*)", body)
    ]
    assert len(lines) > 15
    assert [wrong for page, line in lines for wrong in [refusal(page, line)] if wrong] == []


def refusal(page: str, line: str) -> str:
    """Why the command would not take these arguments; empty if it would."""
    name, *arguments = shlex.split(line)
    if name not in get_commands():
        return f"{page}: there is no command {name}"
    try:
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)
    except CommandError as error:
        return f"{page}: {line}: {error}"
    return ""
