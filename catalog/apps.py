from django.apps import AppConfig
from django.db.models.signals import post_delete


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog.receivers import delete_file

        post_delete.connect(delete_file, sender="catalog.Photo")
