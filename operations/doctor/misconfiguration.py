"""Django's system checks, ours among them."""

from collections.abc import Iterator

from django.core.checks import ERROR, CheckMessage, run_checks

from operations.doctor.finding import Finding, Level, ok

# Of Django's own checks of a deployment: SECRET_KEY, DEBUG and ALLOWED_HOSTS. BEHIND_TLS settles the others at once.
SECURITY = {"security.W009", "security.W018", "security.W020"}


def system_checks() -> Iterator[Finding]:
    told = [
        message
        for message in run_checks(include_deployment_checks=True)
        if not message.is_silenced() and (not str(message.id).startswith("security.") or message.id in SECURITY)
    ]
    yield from map(_finding, told)
    if not told:
        yield ok("the system checks pass")


def _finding(message: CheckMessage) -> Finding:
    level = Level.PROBLEM if message.level >= ERROR else Level.WARNING
    text = " ".join(str(message.msg).split()).rstrip(".")
    return Finding(level, f"{text} ({message.id})", str(message.hint or "See docs/configuration.md."))
