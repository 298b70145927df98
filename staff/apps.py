from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    """Who works in the admin, and what they may do there."""

    name = "staff"

    def ready(self) -> None:
        from staff.roles import grant

        post_migrate.connect(grant, dispatch_uid="staff-roles")
