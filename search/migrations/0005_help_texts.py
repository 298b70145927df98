import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_import'),
        ('search', '0004_traffic'),
    ]

    operations = [
        migrations.AlterField(
            model_name='day',
            name='category',
            field=models.ForeignKey(help_text='The likeliest category of these queries; empty: all queries.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.category'),
        ),
        migrations.AlterField(
            model_name='embedding',
            name='coarse',
            field=pgvector.django.halfvec.HalfVectorField(help_text='Has 128 dimensions; empty unless the space projects to them.', null=True),
        ),
        migrations.AlterField(
            model_name='embedding',
            name='vector',
            field=pgvector.django.halfvec.HalfVectorField(help_text="Has the space's dimensions, and length 1 unless the metric is L2."),
        ),
        migrations.AlterField(
            model_name='event',
            name='position',
            field=models.PositiveSmallIntegerField(help_text='Position of the product in the answer, from 1.', null=True),
        ),
        migrations.AlterField(
            model_name='leafindex',
            name='photos',
            field=models.PositiveIntegerField(help_text='Photos in the leaf when it was checked.'),
        ),
        migrations.AlterField(
            model_name='query',
            name='mode',
            field=models.CharField(blank=True, help_text="The gate's mode, where there was a gate.", max_length=10),
        ),
        migrations.AlterField(
            model_name='query',
            name='vector',
            field=pgvector.django.halfvec.HalfVectorField(help_text="The query photo's vector, where LEARN_FROM_FEEDBACK is on.", null=True),
        ),
    ]
