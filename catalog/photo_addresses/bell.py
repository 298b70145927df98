"""Tells whoever listens that addresses are due. The catalogue does not know who that is (search.apps)."""

from django.dispatch import Signal

due = Signal()


def ring() -> None:
    """Call it in the transaction that makes addresses due: listeners wait for its end."""
    due.send(sender=None)
