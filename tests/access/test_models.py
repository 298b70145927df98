"""What becomes of keys that two people change at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from access.models import Key, RotationError

DAY = timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_at_once_one_is_refused_and_both_secrets_work(make_key):
    key, sent = make_key()
    read = [Key.objects.get(pk=key.pk) for _ in range(2)]

    def rotate(one: Key) -> str | None:
        try:
            return one.rotate(DAY)
        except RotationError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        [new] = filter(None, threads.map(rotate, read))
    former = sent["authorization"].removeprefix("Bearer ")
    assert [Key.objects.live().of_secret(secret) for secret in (former, new)] == [key, key]


@pytest.mark.parametrize("grace", [timedelta(0), DAY])
def test_a_key_that_was_revoked_in_between_is_not_rotated(make_key, grace):
    key, _ = make_key()
    Key.objects.get().revoke()
    with pytest.raises(RotationError, match="is revoked"):
        key.rotate(grace)


def test_after_the_grace_a_key_is_rotated_again(make_key):
    key, _ = make_key()
    key.rotate(DAY)
    Key.objects.update(former_until="2026-01-01T00:00Z")
    assert Key.objects.live().of_secret(key.rotate(DAY)) == key
