"""What customers say for the shop's words."""

from django.contrib import admin

from catalog.synonyms import Synonym
from staff.lists import StaffModelAdmin


@admin.register(Synonym)
class SynonymAdmin(StaffModelAdmin):
    list_display = ["words", "means", "both_ways"]
    list_editable = ["both_ways"]
    search_fields = ["words", "means"]
