"""Imports the pages. Django's admin looks for this module only."""

from staff import accounts, categories, imports, products, searches, spaces, synonyms

__all__ = ["accounts", "categories", "imports", "products", "searches", "spaces", "synonyms"]
