from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_import'),
    ]

    operations = [
        migrations.AlterField(
            model_name='import',
            name='active_at',
            field=models.DateTimeField(editable=False, help_text='When a worker last went on with it.', null=True),
        ),
        migrations.AlterField(
            model_name='import',
            name='note',
            field=models.TextField(blank=True, editable=False, help_text='A note on the files sent.'),
        ),
        migrations.AlterField(
            model_name='importrow',
            name='number',
            field=models.PositiveIntegerField(help_text='Its place among the rows, from 0.'),
        ),
        migrations.AlterField(
            model_name='photo',
            name='fingerprint',
            field=models.BinaryField(db_default=b'', default=b'', help_text='Fingerprint of the picture (ml.images.fingerprint); empty until it is taken.'),
        ),
        migrations.AlterField(
            model_name='photo',
            name='height',
            field=models.PositiveIntegerField(editable=False, help_text='Height of the JPEG kept, in pixels.'),
        ),
        migrations.AlterField(
            model_name='photo',
            name='sha256',
            field=models.CharField(editable=False, help_text='SHA-256 of the bytes that were uploaded.', max_length=64),
        ),
        migrations.AlterField(
            model_name='photo',
            name='width',
            field=models.PositiveIntegerField(editable=False, help_text='Width of the JPEG kept, in pixels.'),
        ),
    ]
