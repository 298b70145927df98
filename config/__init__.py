"""Wiring: settings, URLs, Celery, WSGI, the web server, the embedded servers, and the stack that `make run` starts."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
