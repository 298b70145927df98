"""Imports the pages. Django's admin looks for this module only."""

from staff import accounts, catalogue, imports, products, searches, spaces

__all__ = ["accounts", "catalogue", "imports", "products", "searches", "spaces"]
