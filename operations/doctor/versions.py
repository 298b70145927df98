"""What is installed."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings

from operations.doctor.finding import Finding, ok

SHOWN = {"Django": "django", "Celery": "celery", "OpenVINO": "openvino", "torch": "torch"}


def versions() -> Iterator[Finding]:
    installed = [f"Lamplight {settings.VERSION}", f"Python {platform.python_version()}"]
    for name, package in SHOWN.items():
        try:
            installed.append(f"{name} {version(package)}")
        except PackageNotFoundError:
            installed.append(f"no {name}")  # system_checks says so where it is needed.
    yield ok(", ".join(installed))
