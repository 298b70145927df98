import pytest

from config.logs.process_name import named


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("-m config.web --socket 3", "web"),
        ("-m config.stack", "stack"),
        ("-m demo --check", "demo"),
        ("-m celery -A config --quiet worker -n index@%h", "worker"),
        ("/usr/local/bin/celery -A config --quiet worker -Q captions -n captions@%h", "captions"),
        ("/usr/local/bin/celery -A config --quiet beat", "beat"),
        ("manage.py index --all", "manage.py index"),
        ("/app/manage.py", "manage.py"),
        ("-c pass", "python"),
    ],
)
def test_a_process_is_named_by_its_command(line, name):
    assert named(line.split()) == name
