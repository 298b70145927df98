"""What the commands about spaces share."""

from django.core.management.base import CommandError

from search.models import Space


def named(name: str | None, option: str = "--space") -> Space:
    """The space of that name, or the live one. Raises CommandError, exit code 2, which lists what spaces there are."""
    found = Space.objects.filter(name=name).first() if name else Space.objects.live()
    if found is None:
        known = ", ".join(Space.objects.values_list("name", flat=True)) or "none yet: run manage.py prepare"
        wanted = f"no space {name!r}" if name else "no live space"
        raise CommandError(f"{option}: there is {wanted}. Spaces: {known}.", returncode=2)
    return found
