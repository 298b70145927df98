from typing import Any

from django.db import migrations


def forget(apps: Any, schema_editor: Any) -> None:
    """Detectors read a finer map now, and before they did not. The workers train new ones."""
    apps.get_model("search", "Detector").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("search", "0007_detector")]
    operations = [migrations.RunPython(forget, forget)]
