import logging

from config.log_lines import LineFormatter
from django.core.exceptions import PermissionDenied


def written(**extra: object) -> str:
    error = PermissionDenied("no")
    try:
        raise error
    except PermissionDenied:
        record = logging.getLogger("django.request").makeRecord(
            "django.request",
            logging.WARNING,
            "",
            0,
            "Forbidden: %s",
            ("/admin/",),
            (type(error), error, None),
            extra=extra,
        )
    return LineFormatter("%(levelname)s %(message)s").format(record)


def test_a_refused_request_is_one_line():
    assert written(status_code=403) == "WARNING Forbidden: /admin/"


def test_an_endless_line_is_cut():
    record = logging.makeLogRecord({"msg": "Not Found: /" + "x" * 32_000})
    line = LineFormatter("%(message)s").format(record)
    assert (len(line) < 2_100, line[-22:]) == (True, "... (32,012 characters)"[-22:])


def test_a_failure_is_told_with_its_traceback():
    assert "PermissionDenied: no" in written(status_code=500)
    assert "PermissionDenied: no" in written()
