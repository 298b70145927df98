"""The groups that a shop's staff are put in.

Permissions are written as names, so that this module imports no models.
"""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps

EDITORS = "catalogue editor"
VERBS = ("view", "add", "change", "delete")
# Permissions of each group, by app. They are granted again after each migration, so a shop that wants another role
# makes another group. Imports may create categories, which editors cannot create or change otherwise.
ROLES = {
    EDITORS: {
        "catalog": [
            *(f"{verb}_{model}" for model in ("product", "photo", "synonym", "feed") for verb in VERBS),
            *(f"{verb}_import" for verb in ("view", "add", "delete")),
            *(f"{verb}_attributetype" for verb in ("view", "change")),
            "view_photoaddress",
        ],
        "descriptions": ["view_tag"],
    }
}


def grant(app_config: AppConfig, using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """Give the groups their permissions in an app after each of its migrations. They keep all others they have.

    Migrations do not make permissions. Django makes them after each migration, just before this runs.
    """
    try:
        groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # The app auth is not migrated yet.
        return
    for name, permitted in ROLES.items():
        if codenames := permitted.get(app_config.label):
            group, _ = groups.objects.using(using).get_or_create(name=name)
            own = permissions.objects.using(using).filter(content_type__app_label=app_config.label)
            group.permissions.add(*own.filter(codename__in=codenames))
