from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models
from django.db.models.functions import MD5, Cast, Concat, Lower

from catalog.words import AttributesVector, WordsVector

CONFIGURATION = """
CREATE TEXT SEARCH CONFIGURATION lamplight (COPY = pg_catalog.english);
COMMENT ON TEXT SEARCH CONFIGURATION lamplight IS 'english';
"""
# As catalog.words.folded does it. A test holds the one against the other.
FOLDED = "translate($1, 'øØłŁđĐðÐı', 'oOlLdDdDi')"
for letter, plain in {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th"
}.items():
    FOLDED = f"replace({FOLDED}, '{letter}', '{plain}')"
FUNCTIONS = f"""
CREATE FUNCTION lamplight_folded(text) RETURNS text IMMUTABLE PARALLEL SAFE STRICT RETURN
    regexp_replace(
        normalize(regexp_replace(normalize({FOLDED}, NFKD), '([A-Za-z])[\\u0300-\\u036f]+', '\\1', 'g'), NFKC),
        '(?<=[[:alnum:]])[-/\\\\_+&|\\u2010-\\u2015](?=[[:alnum:]])', ' ', 'g'
    );
CREATE FUNCTION lamplight_words(regconfig, text) RETURNS tsvector IMMUTABLE PARALLEL SAFE STRICT RETURN
    to_tsvector($1, lamplight_folded($2));
CREATE FUNCTION lamplight_attribute_words(regconfig, jsonb) RETURNS tsvector IMMUTABLE PARALLEL SAFE STRICT RETURN
    coalesce(
        (
            SELECT jsonb_to_tsvector($1, jsonb_object_agg(key, lamplight_folded(value #>> '{{}}')), '["string"]')
            FROM jsonb_each($2) WHERE jsonb_typeof(value) IN ('string', 'number')
        ),
        ''::tsvector
    );
"""


class Migration(migrations.Migration):
    """PostgreSQL writes the table anew, since its rows hold the words they are found by: 100,000 take 15 s.

    Until then nobody else reads the table.
    """

    dependencies = [
        ("catalog", "0005_help_texts"),
    ]

    operations = [
        migrations.RunSQL(CONFIGURATION, "DROP TEXT SEARCH CONFIGURATION lamplight"),
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION lamplight_attribute_words, lamplight_words, lamplight_folded",
        ),
        migrations.RemoveIndex("product", "product_search"),
        migrations.RemoveField("product", "search_vector"),
        migrations.AddField(
            "product",
            "search_vector",
            models.GeneratedField(
                expression=(
                    WordsVector("name", weight="A", config="lamplight")
                    + WordsVector("sku", weight="A", config="lamplight")
                    + WordsVector("description", weight="B", config="lamplight")
                    + AttributesVector("attributes", weight="C", config="lamplight")
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
                expression=MD5(Concat("name", models.Value("\n"), "description", Cast("attributes", models.TextField()), output_field=models.TextField())),
output_field=models.CharField(max_length=32),
                db_persist=True,
            ),
        ),
        migrations.CreateModel(
            "Synonym",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("words", models.CharField(help_text="What customers say, such as couch.", max_length=100)),
                (
                    "means",
                    models.CharField(help_text="What the catalogue says for it, such as sofa.", max_length=100),
                ),
                (
                    "both_ways",
                    models.BooleanField(
                        default=True, help_text="Whether who asks for what it means finds these words as well."
                    ),
                ),
            ],
            options={
                "ordering": ["words", "means"],
                "constraints": [models.UniqueConstraint(
                        Lower("words"),
                        Lower("means"),
                        name="synonym_once",
                        violation_error_message="There is this synonym already.",
                    )],
            },
        ),
        migrations.CreateModel(
            "VocabularyWord",
            [
                ("word", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("products", models.PositiveIntegerField(help_text="Products that have it.")),
            ],
            options={"default_permissions": ()},
        ),
    ]
