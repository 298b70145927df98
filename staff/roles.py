"""The groups that a shop's staff are put in.

Only names are written here, so that this package needs to know no other.
"""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps

EDITORS = "catalogue editor"
VERBS = ("view", "add", "change", "delete")
# What each group may do with which models, by app; granted again after each migration: a shop that wants another role
# makes another group. Imports may bring categories, which editors cannot make or change otherwise.
ROLES = {
    EDITORS: {
        "catalog": [
            *(f"{verb}_{model}" for model in ("product", "photo") for verb in VERBS),
            *(f"{verb}_import" for verb in ("view", "add", "delete")),
        ]
    }
}


def grant(app_config: AppConfig, using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """After each migration of an app: give the groups what they may do there. What else they were given, they keep.

    Permissions are no part of migrations: Django makes them after each, just before this runs.
    """
    try:
        groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # Not migrated so far.
        return
    for name, permitted in ROLES.items():
        if codenames := permitted.get(app_config.label):
            group, _ = groups.objects.using(using).get_or_create(name=name)
            own = permissions.objects.using(using).filter(content_type__app_label=app_config.label)
            group.permissions.add(*own.filter(codename__in=codenames))
