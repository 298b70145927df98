from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorCombinable, SearchVectorField
from django.db import migrations, models
from django.db.models import Func


class AttributesVector(SearchVectorCombinable, Func):
    """The words and numbers in the values of attributes, as this version indexed them."""

    function = "jsonb_to_tsvector"
    template = (
        """setweight(%(function)s('%(config)s'::regconfig, %(expressions)s, '["string", "numeric"]'), '%(weight)s')"""
    )
    output_field = SearchVectorField()
    config = None


class Migration(migrations.Migration):
    """PostgreSQL writes the table anew, since its rows hold the words they are found by: 100,000 take 10 s.

    Until then nobody else reads the table.
    """

    dependencies = [
        ("catalog", "0002_photo_fingerprint"),
    ]

    operations = [
        migrations.RemoveIndex("product", "product_search"),
        migrations.RemoveField("product", "search_vector"),
        migrations.AddField(
            "product",
            "search_vector",
            models.GeneratedField(
                expression=(
                    SearchVector("name", weight="A", config="english")
                    + SearchVector("sku", weight="A", config="english")
                    + SearchVector("description", weight="B", config="english")
                    + AttributesVector("attributes", weight="C", config="english")
                    + SearchVector("name", weight="A", config="simple")
                ),
                output_field=SearchVectorField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex("product", GinIndex(fields=["search_vector"], name="product_search")),
    ]
