"""Keys to the public API, and how often they were used."""

from collections.abc import Collection
from datetime import date, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from access import origins, scopes, secrets

MOST_ORIGINS = 50
# A shop that knows no better number: ten visitors who search once in a second.
PER_MINUTE, PER_MONTH = 600, 1_000_000


class RotationError(Exception):
    """The key was not rotated. It says why, and what to do."""


class KeyQuerySet(models.QuerySet["Key"]):
    def live(self) -> "KeyQuerySet":
        return self.filter(revoked_at=None)

    def publishable(self) -> "KeyQuerySet":
        return self.filter(kind=Key.Kind.PUBLISHABLE)

    def of_secret(self, secret: str) -> "Key | None":
        """The key that a secret is of: its own, or the one before for as long as that works on. It may be revoked."""
        digest = secrets.digest(secret)
        former = Q(former_digest=digest, former_until__gt=timezone.now(), revoked_at=None)
        return self.filter(Q(digest=digest) | former).first()

    def of_prefix(self, prefix: str) -> "Key | None":
        return self.filter(prefix=prefix).first()


class Key(models.Model):
    """Who asks the API: a page of the shop (publishable), or a program of its own (secret)."""

    class Kind(models.TextChoices):
        PUBLISHABLE = "pk", "publishable"
        SECRET = "sk", "secret"

    name = models.CharField(max_length=100, help_text="What uses it, such as the shop's web page.")
    kind = models.CharField(
        max_length=2,
        choices=Kind.choices,
        help_text="A publishable key stands in a page, and anybody may read it. A secret one stays on a server.",
    )
    prefix = models.CharField(max_length=13, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    former_digest = models.CharField(max_length=64, blank=True, default="", db_index=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=scopes.SCOPES.items()), help_text="What it may be used for."
    )
    origins = ArrayField(
        models.CharField(max_length=255),
        blank=True,
        default=list,
        help_text="Of a publishable key: the origins of the pages that send it, such as https://shop.example.",
    )
    per_minute = models.PositiveIntegerField(
        "requests a minute",
        default=PER_MINUTE,
        validators=[MinValueValidator(1)],
        help_text="Above it the answer is 429.",
    )
    per_month = models.PositiveIntegerField(
        "requests a month",
        default=PER_MONTH,
        validators=[MinValueValidator(1)],
        help_text="Above it the answer is 429 until the month is over (UTC).",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    last_used_at = models.DateTimeField("last used", null=True, editable=False)
    revoked_at = models.DateTimeField("revoked", null=True, editable=False)

    objects = KeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def clean(self) -> None:
        """Raises ValidationError. Writes the origins as browsers send them."""
        if self.kind == self.Kind.PUBLISHABLE:
            if refused := [one for one in self.scopes or [] if one not in scopes.PUBLISHABLE]:
                allowed = ", ".join(scopes.PUBLISHABLE)
                told = (
                    f"A publishable key cannot have {', '.join(refused)}: anybody may read it. It can have {allowed}."
                )
                raise ValidationError({"scopes": told})
            self.origins = self._clean_origins()
        elif self.origins:
            raise ValidationError({"origins": "A secret key has no origins: it stays on a server."})

    def _clean_origins(self) -> list[str]:
        if not self.origins:
            raise ValidationError({"origins": "A publishable key needs the origins of the pages that send it."})
        if len(self.origins) > MOST_ORIGINS:
            raise ValidationError(
                {"origins": f"A key has at most {MOST_ORIGINS} origins. Make another for the others."}
            )
        try:
            return sorted({origins.normalised(one) for one in self.origins})
        except ValidationError as error:
            raise ValidationError({"origins": error.messages}) from error

    def renew(self, digits: str = "") -> str:
        """Give it a new secret, which is not stored: returns it. `digits`: those of its prefix. The caller saves."""
        secret = secrets.make(self.kind, digits)
        self.prefix, self.digest = secrets.prefix(secret) or "", secrets.digest(secret)
        return secret

    def rotate(self, grace: timedelta) -> str:
        """Replace its secret by a new one, which is returned. The former one works on for `grace`.

        Raises RotationError where it was rotated or revoked since this object was read, and, unless `grace` is 0,
        while the former secret still works: it would end the one that programs still use.
        """
        with transaction.atomic():
            self._check_rotation(Key.objects.select_for_update(no_key=True).get(pk=self.pk), grace)
            self.former_digest, self.former_until = self.digest, timezone.now() + grace
            secret = self.renew()
            self.save(update_fields=["prefix", "digest", "former_digest", "former_until"])
        return secret

    def _check_rotation(self, stored: "Key", grace: timedelta) -> None:
        if stored.revoked_at:
            raise RotationError(f"The key {stored} is revoked. Make another.")
        if stored.prefix != self.prefix:
            raise RotationError(f"The key {self.prefix} was rotated already: it is {stored.prefix} now.")
        if grace and stored.former_until and stored.former_until > timezone.now():
            raise RotationError(
                f"The key {stored.prefix} was rotated already, and the former secret works until "
                f"{stored.former_until:%Y-%m-%d %H:%M} (UTC). Rotate it after that, make another key if nobody has the "
                f"new secret, or end both secrets at once with manage.py rotate_key {stored.prefix} --grace 0."
            )

    def revoke(self) -> None:
        """No secret of it works any more. What it was used for stays."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def has_perms(self, permissions: Collection[str]) -> bool:
        """Whether its scopes stand for all of these permissions of Django's."""
        granted = [scopes.PERMISSIONS.get(scope, frozenset()) for scope in self.scopes]
        return frozenset(permissions) <= frozenset().union(*granted)


class KeyDay(models.Model):
    """What came with a key in a day (UTC)."""

    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    refusals = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="key_day_once")]

    def __str__(self) -> str:
        return f"{self.day}: {self.requests}"


def today() -> date:
    return timezone.now().date()
