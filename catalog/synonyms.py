"""What customers say for the shop's words."""

import unicodedata
from collections.abc import Collection
from threading import Lock

from cachetools import TTLCache, cached
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

from catalog import words as full_text

MAX_SYNONYM = 100
# Seconds for which a process keeps the shop's synonyms.
KEPT = 5
# Synonyms that one query may have. Each multiplies the ways to read it.
MOST_SYNONYMS = 5


class Synonym(models.Model):
    """What customers say for a word of the shop's. It is searched for what it means as well."""

    words = models.CharField(max_length=MAX_SYNONYM, help_text="What customers say, such as couch.")
    means = models.CharField(max_length=MAX_SYNONYM, help_text="What the catalogue says for it, such as sofa.")
    both_ways = models.BooleanField(
        default=True, help_text="Whether who asks for what it means finds these words as well."
    )

    class Meta:
        ordering = ["words", "means"]
        constraints = [
            models.UniqueConstraint(
                Lower("words"),
                Lower("means"),
                name="synonym_once",
                violation_error_message="There is this synonym already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.words} {'=' if self.both_ways else '→'} {self.means}"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """`exclude` are fields that a form does not show, such as the list's: it could not say what is wrong there."""
        super().clean_fields(exclude)
        shown = [name for name in ("words", "means") if name not in (exclude or ())]
        for name in shown:
            setattr(self, name, unicodedata.normalize("NFC", " ".join(getattr(self, name).split())))
            if not full_text.spoken(getattr(self, name)):
                raise ValidationError({name: "Write a word: letters or digits."})
        if "means" in shown and full_text.spoken(self.words) == full_text.spoken(self.means):
            raise ValidationError({"means": "That is the same word."})

    def clean(self) -> None:
        others = Synonym.objects.exclude(pk=self.pk)
        if others.filter(words__iexact=self.means, means__iexact=self.words).exists():
            raise ValidationError("There is this synonym the other way round: let that one hold both ways.")


@cached(TTLCache(maxsize=1_000, ttl=KEPT), lock=Lock())
def synonyms_within(words: str) -> list[full_text.Synonym]:
    """The shop's synonyms for words that a query has, in any of their forms; MOST_SYNONYMS at most."""
    if not (known := _synonyms()):
        return []
    asked = full_text.stems([words])[0]
    return [synonym for synonym, said in known if said and said <= asked][:MOST_SYNONYMS]


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def _synonyms() -> list[tuple[full_text.Synonym, frozenset[str]]]:
    """All synonyms, with the stems of what is said."""
    both: list[full_text.Synonym] = []
    for one in Synonym.objects.all():
        both += [(one.words, one.means), (one.means, one.words)] if one.both_ways else [(one.words, one.means)]
    return list(zip(both, full_text.stems([said for said, _ in both]), strict=True))
