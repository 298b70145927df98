from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog.receivers import delete_file, delete_sent_files, write_numbers

        post_delete.connect(delete_file, sender="catalog.Photo")
        post_delete.connect(delete_sent_files, sender="catalog.Import")
        post_save.connect(write_numbers, sender="catalog.Product")
