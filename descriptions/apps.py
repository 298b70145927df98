from django.apps import AppConfig


class DescriptionsConfig(AppConfig):
    name = "descriptions"

    def ready(self) -> None:
        from descriptions import checks  # noqa: F401
