"""Settings that are safe on a machine of one's own, and not where strangers reach it."""

from collections.abc import Iterator

from django.conf import settings

from operations.doctor.finding import Finding, ok, problem, warning

THROTTLES = {"SEARCH_THROTTLE": "searches", "PAGE_THROTTLE": "pages", "PHOTO_THROTTLE": "photos"}
LOCAL = {"127.0.0.1", "localhost", "[::1]", "::1"}


def exposure() -> Iterator[Finding]:
    public = sorted({settings.HOST, *settings.ALLOWED_HOSTS} - LOCAL)
    if not public:
        yield ok("only this machine may reach the site")
        return
    found = list(_of_public(", ".join(public)))
    yield from found
    if not found:
        yield ok(f"the site is reached as {', '.join(public)}, over TLS and throttled")


def _of_public(names: str) -> Iterator[Finding]:
    if settings.DEBUG:
        yield problem(f"DEBUG shows code and settings to whoever reaches {names}", "Leave DEBUG out.")
    if "*" in settings.ALLOWED_HOSTS:
        yield warning("ALLOWED_HOSTS takes any name for the shop's", "Name the shop's own addresses in ALLOWED_HOSTS.")
    if not settings.BEHIND_TLS:
        yield problem(
            f"passwords and tokens travel in clear to {names}",
            "Put a reverse proxy with TLS in front, and set BEHIND_TLS=1 and NUM_PROXIES=1.",
        )
    for name, what in THROTTLES.items():
        if getattr(settings, name) == "off":
            yield warning(f"strangers may ask for {what} as often as they like", f"Leave {name} out, or set a rate.")
