import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('catalog', '0007_caption'),
    ]

    operations = [
        migrations.CreateModel(
            name='Caption',
            fields=[
                ('product', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='catalog.product')),
                ('maker', models.CharField(blank=True, help_text='Model and prompt asked last (VisionModel.fingerprint).', max_length=16)),
                ('asked_at', models.DateTimeField(help_text='When the last answer came, or failed to come.', null=True)),
                ('made_at', models.DateTimeField(help_text='When the caption was made; empty: it is not.', null=True)),
                ('reason', models.TextField(blank=True, help_text='Why there is none yet.')),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text="Failures that are the photo's own, in a row.")),
                ('waits', models.PositiveSmallIntegerField(default=0, help_text='Failures that may pass, in a row.')),
                ('retry_at', models.DateTimeField(help_text='Nobody else is to ask before.', null=True)),
                ('requests', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('prompt_tokens', models.PositiveBigIntegerField(default=0)),
                ('completion_tokens', models.PositiveBigIntegerField(default=0)),
                ('photo', models.ForeignKey(db_constraint=False, db_index=False, help_text='The photo that was asked about last.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.photo')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
