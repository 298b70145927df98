"""What a key may be allowed to do. Permissions are written as names, so that this room knows no other."""

SEARCH, READ, EVENTS, INDEX, CATALOG_WRITE = "search", "read", "events", "index", "catalog.write"
SCOPES = {
    SEARCH: "search: by photo, by words, similar products, baskets, explanations",
    READ: "read: products, photos and categories",
    EVENTS: "events: tell what customers do with an answer",
    INDEX: "index: the state of the index",
    CATALOG_WRITE: "catalog.write: create, change and delete products, photos and categories",
}
# Whoever opens the shop's page reads its keys.
PUBLISHABLE = (SEARCH, READ, EVENTS)
# Django's permissions that a scope stands for.
PERMISSIONS = {
    CATALOG_WRITE: frozenset(
        f"catalog.{verb}_{model}"
        for model in ("product", "photo", "category")
        for verb in ("view", "add", "change", "delete")
    )
}
