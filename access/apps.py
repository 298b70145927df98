from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        from corsheaders.signals import check_request_enabled
        from django.db.models.signals import post_save

        from access import live_origins, openapi  # noqa: F401  drf-spectacular finds its class once it is imported.

        check_request_enabled.connect(live_origins.may_read, dispatch_uid="origins-of-keys")
        post_save.connect(live_origins.forget, sender="access.Key", dispatch_uid="origins-of-keys")
