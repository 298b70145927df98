"""What is written twice says the same: the version number, and the checks that `make lint` and each commit run."""

import json
import re

import pytest
import yaml
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from config.version import VERSION

# Where package.json and package-lock.json lie.
PACKAGES = ("clients/typescript", "storefront/widget")


def test_the_newest_release_of_the_changelog_is_this_version_and_is_dated():
    headings = re.findall(r"^## (.*)$", (settings.BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(VERSION)} - \d{{4}}-\d\d-\d\d", headings[1])


def test_the_api_names_this_version():
    assert SchemaGenerator().get_schema(request=None, public=True)["info"]["version"] == VERSION


@pytest.mark.parametrize("folder", PACKAGES)
def test_the_typescript_client_and_the_widget_have_this_version(folder):
    package = settings.BASE_DIR / folder
    lock = json.loads((package / "package-lock.json").read_text())
    assert json.loads((package / "package.json").read_text())["version"] == VERSION
    assert lock["version"] == lock["packages"][""]["version"] == VERSION


def test_a_commit_is_checked_by_what_make_lint_runs():
    makefile = (settings.BASE_DIR / "Makefile").read_text()
    [recipe] = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    lint = [line.strip().replace("$(PY)", ".venv/bin/python") for line in recipe.splitlines()]
    [local] = yaml.safe_load((settings.BASE_DIR / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"].removeprefix("env ") for hook in local["hooks"]] == lint
