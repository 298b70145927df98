"""What Lamplight counts of itself, where it happens: a module for each idea, a line at each place.

It knows prometheus_client and nothing of Lamplight, so that every room may count. `operations.monitoring` answers with
it. A label's values are few and chosen by us: never a product, a query, or who asked.
"""
