"""The project's settings without its applications, so that a process under test starts in a second."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = []
ROOT_URLCONF = "tests.config.embedded.bare_settings"
urlpatterns: list[object] = []
