"""The embedding table is partitioned, which Django's schema editor cannot make: its SQL stands here."""

import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models
from pgvector.django import VectorExtension

CREATE_EMBEDDING = """
CREATE TABLE search_embedding (
    photo_id bigint NOT NULL REFERENCES catalog_photo (id) ON DELETE CASCADE,
    category_id bigint NOT NULL REFERENCES catalog_category (id) ON DELETE CASCADE,
    space_id bigint NOT NULL REFERENCES search_space (id) ON DELETE CASCADE,
    vector halfvec NOT NULL,
    PRIMARY KEY (photo_id, category_id, space_id)
) PARTITION BY LIST (space_id);
-- A TOASTed vector makes an exact scan 3 to 5 times slower; partitions made LIKE this table inherit the setting.
ALTER TABLE search_embedding ALTER COLUMN vector SET STORAGE PLAIN;
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('catalog', '0001_initial'),
    ]

    operations = [
        VectorExtension(),
        migrations.CreateModel(
            name='Space',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=100, unique=True)),
                ('recipe', models.JSONField(help_text='Backbone, weights, layer, pooling, input size and fit (ml.recipes).')),
                ('dimensions', models.PositiveSmallIntegerField()),
                ('metric', models.CharField(choices=[('cosine', 'Cosine')], default='cosine', max_length=10)),
                ('state', models.CharField(choices=[('building', 'Building'), ('live', 'Live'), ('retired', 'Retired')], default='building', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('state',), name='one_live_space')],
            },
        ),
        migrations.CreateModel(
            name='Head',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('categories', models.JSONField(help_text='Ids of the categories that it tells apart, in the order of its rows.')),
                ('weights', models.BinaryField(help_text='safetensors (ml.classifier).')),
                ('photos', models.JSONField(help_text='Photos per category id at training.')),
                ('metrics', models.JSONField(help_text='Held-out accuracy, calibration error and what they were measured on.')),
                ('trained_at', models.DateTimeField(auto_now_add=True)),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='heads', to='search.space')),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(CREATE_EMBEDDING, "DROP TABLE search_embedding"),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Embedding',
                    fields=[
                        ('pk', models.CompositePrimaryKey('photo_id', 'category_id', 'space_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('vector', pgvector.django.halfvec.HalfVectorField(help_text="A unit vector of the space's dimensions.")),
                        ('category', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.category')),
                        ('photo', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='embeddings', to='catalog.photo')),
                        ('space', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='embeddings', to='search.space')),
                    ],
                ),
            ],
        ),
        migrations.CreateModel(
            name='Rejection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('retry_at', models.DateTimeField(blank=True, help_text='When it is tried again by itself; empty: never.', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('photo', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rejections', to='catalog.photo')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rejections', to='search.space')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('space', 'photo'), name='one_rejection_per_space_and_photo')],
            },
        ),
    ]
