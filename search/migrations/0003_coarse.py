"""The column of the partitioned table is added by SQL, which sets its storage too."""

import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models

ADD_COARSE = """
ALTER TABLE search_embedding ADD COLUMN coarse halfvec;
ALTER TABLE search_embedding ALTER COLUMN coarse SET STORAGE PLAIN;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_photo_fingerprint'),
        ('search', '0002_spaces'),
    ]

    operations = [
        migrations.CreateModel(
            name='CoarseProjection',
            fields=[
                ('space', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='search.space')),
                ('data', models.BinaryField(help_text='safetensors (ml.projection).')),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ADD_COARSE, "ALTER TABLE search_embedding DROP COLUMN coarse"),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='embedding',
                    name='coarse',
                    field=pgvector.django.halfvec.HalfVectorField(help_text='Of 128 dimensions; empty unless the space has a projection to them.', null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name='LeafIndex',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ef_search', models.PositiveSmallIntegerField(help_text='The least hnsw.ef_search at which its recall suffices.')),
                ('recall', models.FloatField(help_text='recall@20 against exact scans, of the worse kind of query.')),
                ('photos', models.PositiveIntegerField(help_text='In the leaf when it was checked.')),
                ('checked_at', models.DateTimeField(auto_now=True)),
                ('category', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.category')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='indexes', to='search.space')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('space', 'category'), name='one_index_per_space_and_category')],
            },
        ),
    ]
