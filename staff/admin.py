"""The one module that Django's admin looks for: it brings the pages in."""

from staff import accounts, catalogue, imports, products, searches, spaces

__all__ = ["accounts", "catalogue", "imports", "products", "searches", "spaces"]
