"""What customers say for the shop's words."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from catalog.synonyms import Synonym


@admin.register(Synonym)
class SynonymAdmin(ModelAdmin):
    list_display = ["words", "means", "both_ways"]
    list_editable = ["both_ways"]
    search_fields = ["words", "means"]
