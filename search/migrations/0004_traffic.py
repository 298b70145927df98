import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_photo_fingerprint'),
        ('search', '0003_coarse'),
    ]

    operations = [
        migrations.CreateModel(
            name='Query',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('photo', 'Photo'), ('similar', 'Similar'), ('text', 'Text')], max_length=10)),
                ('mode', models.CharField(blank=True, help_text='Of the gate, where there was one.', max_length=10)),
                ('searched', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, help_text='Ids of the categories.', size=None)),
                ('ms', models.FloatField(help_text='Milliseconds that the answer took.')),
                ('results', models.PositiveSmallIntegerField(help_text='Products in the answer.')),
                ('vector', pgvector.django.halfvec.HalfVectorField(help_text='Of the query photo, where LEARN_FROM_FEEDBACK is on.', null=True)),
                ('category', models.ForeignKey(db_constraint=False, db_index=False, help_text='The likeliest of those searched; empty: unknown.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.category')),
                ('space', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='search.space')),
            ],
            options={
                'verbose_name_plural': 'queries',
                'indexes': [models.Index(fields=['asked_at'], include=['ms'], name='query_asked_at')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('click', 'Click'), ('cart', 'Cart'), ('purchase', 'Purchase'), ('wrong_category', 'Wrong Category')], max_length=20)),
                ('sku', models.CharField(blank=True, max_length=64)),
                ('position', models.PositiveSmallIntegerField(help_text='Of the product in the answer, from 1.', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('category', models.ForeignKey(help_text='The right one, if it was wrong.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.category')),
                ('query', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='search.query')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('query', 'kind', 'sku', 'position'), name='one_event_of_a_kind', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Day',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('date', models.DateField()),
                ('searches', models.PositiveIntegerField()),
                ('clicked_1', models.PositiveIntegerField(help_text='Searches whose first result was clicked.')),
                ('clicked_5', models.PositiveIntegerField(help_text='Searches with a click among the first 5 results.')),
                ('clicked_10', models.PositiveIntegerField(help_text='Searches with a click among the first 10 results.')),
                ('carts', models.PositiveIntegerField()),
                ('purchases', models.PositiveIntegerField()),
                ('category', models.ForeignKey(help_text='That the queries looked in first; empty: all queries.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.category')),
            ],
            options={
                'ordering': ['-date', models.OrderBy(models.F('category_id'), nulls_first=True)],
                'constraints': [models.UniqueConstraint(fields=('date', 'category'), name='one_row_per_day_and_category', nulls_distinct=False)],
            },
        ),
    ]
