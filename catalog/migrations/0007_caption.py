from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models
from django.db.models.functions import MD5, Cast, Concat

from catalog.words import AttributesVector, WordsVector


class Migration(migrations.Migration):
    """PostgreSQL writes the table anew, since its rows hold the words they are found by: 100,000 take 11 s.

    Until then nobody else reads the table. Afterwards the workers encode all texts once more.
    """

    dependencies = [
        ("catalog", "0006_words"),
    ]

    operations = [
        migrations.RemoveIndex("product", "product_search"),
        migrations.RemoveField("product", "search_vector"),
        migrations.RemoveField("product", "text_digest"),
        migrations.AddField(
            "product",
            "caption",
            models.TextField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="What the first photo shows, in words that a machine wrote. Searches by words read it.",
            ),
        ),
        migrations.AddField(
            "product",
            "caption_source",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="What wrote the caption: a model's name, or plain where none did; empty: there is none.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            "product",
            "search_vector",
            models.GeneratedField(
                expression=(
                    WordsVector("name", weight="A", config="lamplight")
                    + WordsVector("sku", weight="A", config="lamplight")
                    + WordsVector("description", weight="B", config="lamplight")
                    + AttributesVector("attributes", weight="C", config="lamplight")
                    + WordsVector("caption", weight="D", config="lamplight")
                    + WordsVector("name", weight="A", config="simple")
                ),
                output_field=SearchVectorField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex("product", GinIndex(fields=["search_vector"], name="product_search")),
        migrations.AddField(
            "product",
            "text_digest",
            models.GeneratedField(
                expression=MD5(
                    Concat(
                        "name",
                        models.Value("\n"),
                        "description",
                        Cast("attributes", models.TextField()),
                        "caption",
                        output_field=models.TextField(),
                    )
                ),
                output_field=models.CharField(max_length=32),
                db_persist=True,
            ),
        ),
    ]
