import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_attribute_values'),
        ('descriptions', '0001_caption'),
        ('search', '0009_text_embedding'),
    ]

    operations = [
        migrations.CreateModel(
            name='PhotoColours',
            fields=[
                ('photo', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='colours', serialize=False, to='catalog.photo')),
                ('shares', models.BinaryField(help_text='float16 (ml.product_colours.colours); empty: the file cannot be read.')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Tagger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('learned', models.JSONField(help_text="ml.value_choice.ValueModel by the attribute's name.")),
                ('examples', models.JSONField(help_text='Ids of the products that it compares others with.')),
                ('usual_terms', models.JSONField(help_text='The mean share of each colour term (ml.colour_names.TERMS).')),
                ('products', models.PositiveIntegerField(help_text='Products in the shop when it learned.')),
                ('fitted_at', models.DateTimeField(auto_now_add=True)),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='taggers', to='search.space')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Tagging',
            fields=[
                ('product', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='tagging', serialize=False, to='catalog.product')),
                ('state', models.CharField(help_text='Digest of its texts, category and photos (descriptions.tagging).', max_length=32)),
                ('tagger', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='descriptions.tagger')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text="The attribute's name.", max_length=64)),
                ('value', models.CharField(max_length=500)),
                ('confidence', models.FloatField(help_text='0 to 1.')),
                ('evidence', models.JSONField(help_text='What speaks for it: its words, the nearest products that have it, colours.')),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('accepted', 'Accepted'), ('rejected', 'Rejected')], default='proposed', max_length=10)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tags', to='catalog.product')),
            ],
            options={
                'ordering': ['-confidence', 'pk'],
                'indexes': [models.Index(models.F('state'), models.OrderBy(models.F('confidence'), descending=True), models.F('id'), name='tag_state_confidence')],
                'constraints': [models.UniqueConstraint(fields=('product', 'name', 'value'), name='one_tag_per_product_and_value')],
            },
        ),
    ]
