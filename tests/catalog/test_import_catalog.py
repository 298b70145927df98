import csv
import os
import subprocess
import sys
from zipfile import ZIP_STORED

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from catalog.models import Category, Photo, Product
from tests.catalog.importing.feeds import made_up_exports
from tests.conftest import picture
from tests.external_data import IKEA, needs_ikea
from tests.zips import Unflagged, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "shop"
    path.mkdir()
    (path / "red.png").write_bytes(picture("red"))
    return path


@pytest.fixture
def run(capsys):
    """The exit status, standard output and standard error of the command."""

    def call(*arguments):
        try:
            call_command("import_catalog", *map(str, arguments))
            status: int | str | None = 0
        except SystemExit as stop:
            status = stop.code
        except CommandError as error:
            sys.stderr.write(str(error))
            status = error.returncode
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def write(folder, *lines, header="sku,name,category,image,price"):
    path = folder / "catalog.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


def told(out):
    """The summary without its first line, which has the time it took."""
    return out.splitlines()[1:]


def test_all_rows_in_is_status_0_and_again_changes_nothing(folder, run):
    path = write(folder, "CH-1,Oak chair,Chair,red.png,1", "CH-2,Pine chair,Chair,,")
    status, out, err = run(path)
    assert (status, told(out), err) == (
        0,
        ["Products: 2 added, 0 updated, 0 unchanged, 0 refused. Photos: 1 added."],
        "",
    )
    status, out, err = run(path)
    assert (status, told(out), err) == (
        0,
        ["Products: 0 added, 0 updated, 2 unchanged, 0 refused. Photos: 0 added.", "Nothing had to change."],
        "",
    )


def test_refused_rows_are_status_3_and_are_named_at_the_end_and_in_the_file(folder, run, tmp_path):
    path = write(folder, "CH-1,Oak chair,Chair,red.png,1", "CH-2,,Chair,,", "=1+1,Chair,Chair,,cheap")
    status, out, err = run(path, "--errors", tmp_path / "refused.csv")
    assert status == 3
    assert told(out) == ["Products: 1 added, 0 updated, 0 unchanged, 2 refused. Photos: 1 added."]
    assert err.splitlines() == ["line 3: no name", "line 4: price cheap: not a number, write it like 1299.00"]
    with (tmp_path / "refused.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "sku", "reason"],
            ["3", "CH-2", "no name"],
            ["4", "'=1+1", "price cheap: not a number, write it like 1299.00"],
        ]


def test_rows_that_are_no_csv_or_no_utf_8_are_refused_and_the_rest_goes_in(folder, run):
    path = write(folder, "CH-1,Oak,Chair,red.png,1", 'CH-2,"Oak,Chair,,', "CH-3,Öl,Chair,,", "CH-4,Oak,Chair,,")
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    status, out, err = run(path)
    assert status == 3
    assert told(out) == ["Products: 2 added, 0 updated, 0 unchanged, 2 refused. Photos: 1 added."]
    assert err.splitlines() == [
        "line 3: it cannot be read as CSV: unexpected end of data",
        "line 4: it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”",
    ]


def test_very_many_refused_rows_are_not_all_shown(folder, run):
    path = write(folder, *(f"CH-{number},,Chair,," for number in range(60)))
    status, _, err = run(path)
    assert (status, len(err.splitlines())) == (3, 51)
    assert err.splitlines()[-1] == "and 10 more; --errors FILE writes them all"


def test_a_dry_run_says_so_and_changes_nothing(folder, run, media):
    status, out, _ = run(write(folder, "CH-1,Oak chair,Chair,red.png,1"), "--dry-run")
    assert (status, told(out)) == (
        0,
        [
            "Products: 1 added, 0 updated, 0 unchanged, 0 refused. Photos: 1 added.",
            "Dry run: nothing was changed, the counts are what an import would do.",
            f"{folder / 'catalog.csv'} is read as Lamplight's own CSV.",
            "sku → sku",
            "name → name",
            "category → category",
            "image → photos",
            "price → price",
        ],
    )
    assert Product.objects.count() == Category.objects.count() == Photo.objects.count() == 0
    assert not media.exists()


def test_a_feed_goes_in_and_photos_at_web_addresses_are_told(folder, run):
    path = folder / "feed.xml"
    path.write_text(made_up_exports.google_rss())
    notes = ["150 photos are at web addresses. Workers fetch them once their rows are in."]
    status, out, err = run(path)
    counts = "Products: 50 added, 0 updated, 0 unchanged, 0 refused. Photos: 0 added."
    assert (status, told(out), err) == (0, [counts, *notes], "")
    status, out, _ = run(path, "--format", "google", "--dry-run")
    assert (status, told(out)[2:5]) == (
        0,
        [*notes, f"{path} is read as a Google Merchant Center feed.", "id → sku"],
    )
    status, _, err = run(path, "--format", "shopify")
    assert (status, err) == (2, f"{path} is XML, but Shopify's product export is a CSV file.")
    assert run(folder, "--format", "shopify")[0] == 2


def test_quiet_prints_refused_rows_only(folder, run):
    assert run(write(folder, "CH-1,Oak chair,Chair,,"), "--quiet") == (0, "", "")
    assert run(write(folder, "CH-2,,Chair,,"), "--quiet") == (3, "", "line 2: no name\n")


def test_photos_may_lie_in_another_folder(folder, run, tmp_path):
    path = tmp_path / "catalog.csv"
    path.write_text("sku,name,category,image\nCH-1,Oak chair,Chair,red.png\n")
    assert run(path)[0] == 3
    assert run(path, "--photos", folder)[0] == 0


def test_a_folder_is_imported_like_a_file(tmp_path, run):
    for name, colour in (("chair/oak.png", "red"), ("chair/pine.webp", "blue"), ("Side Table/low_one.jpg", "green")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(picture(colour))
    (tmp_path / "photos" / "chair" / "broken.gif").write_bytes(b"GIF89a")
    (tmp_path / "photos" / "notes.txt").touch()
    status, out, err = run(tmp_path / "photos", "--errors", tmp_path / "errors.csv")
    assert (status, told(out)) == (
        3,
        ["Products: 3 added, 0 updated, 0 unchanged, 1 refused. Photos: 3 added."],
    )
    assert err.startswith("file chair/broken.gif: image broken.gif: The photo is damaged")
    assert err.endswith(f"Left alone in {tmp_path / 'photos'}: 1 file other than photos: notes.txt.\n")
    assert (tmp_path / "errors.csv").read_text().endswith("notes.txt,,left alone: it is no photo\n")
    products = Product.objects.order_by("sku").values_list("sku", "name", "category__slug", "category__name")
    assert list(products) == [
        ("chair-oak", "oak", "chair", "chair"),
        ("chair-pine", "pine", "chair", "chair"),
        ("side-table-low_one", "low one", "side-table", "Side Table"),
    ]
    assert told(run(tmp_path / "photos")[1])[0].startswith("Products: 0 added, 0 updated, 3 unchanged, 1 refused.")


def test_a_zip_is_imported_like_the_folder_it_was_packed_from(tmp_path, run):
    (tmp_path / "shop.zip").write_bytes(zipped({"chair/oak.png": picture("red"), "chair/broken.gif": b"GIF89a"}))
    status, out, err = run(tmp_path / "shop.zip")
    assert (status, told(out)) == (3, ["Products: 1 added, 0 updated, 0 unchanged, 1 refused. Photos: 1 added."])
    assert err.startswith("file chair/broken.gif: image broken.gif: The photo is damaged")
    (tmp_path / "cut.zip").write_bytes(zipped({"chair/oak.png": picture("red")})[:-20])
    status, _, err = run(tmp_path / "cut.zip")
    assert (status, "is not a ZIP file, or it is cut short" in err) == (2, True)
    table = "sku,name,category\n" + "".join(f"CH-{number},Oak,Chair\n" for number in range(2000))
    (tmp_path / "spoilt.zip").write_bytes(zipped({"a.csv": table.encode()}, ZIP_STORED).replace(b"CH-1999", b"CH-2999"))
    status, _, err = run(tmp_path / "spoilt.zip")
    assert (status, err) == (2, f"a.csv in {tmp_path / 'spoilt.zip'} is damaged. Pack it again, then send it.")


def test_letters_of_names_in_a_zip_are_chosen_when_it_does_not_say_them(folder, tmp_path, run):
    packed = tmp_path / "old.zip"
    packed.write_bytes(zipped([(Unflagged("Køkken/grøn stol.png".encode("cp850")), picture("red"))]))
    status, _, err = run(packed)
    assert (status, "--zip-names cp850" in err) == (2, True)
    assert run(packed, "--zip-names", "cp850")[0] == 0
    assert Product.objects.get(name="grøn stol").category.name == "Køkken"
    table = write(folder, "K-1,Grøn stol,Stole,Køkken/grøn stol.png,5")
    assert run(table, "--photos", packed, "--zip-names", "cp850")[0] == 0
    assert Product.objects.get(sku="K-1").photos.count() == 1
    status, _, err = run(table, "--zip-names", "cp850")
    assert (status, err) == (2, "--zip-names goes with a ZIP file, and there is none.")


def test_files_of_one_name_are_two_products_in_two_categories_and_refused_in_one(tmp_path, run):
    for name in ("chair/1.gif", "chair/1.png", "lamp/1.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(picture("red"))
    status, _, err = run(tmp_path / "photos")
    assert (status, err) == (3, "file chair/1.png: sku chair-1 was met before, at chair/1.gif, with other data\n")
    assert list(Product.objects.order_by("sku").values_list("sku", flat=True)) == ["chair-1", "lamp-1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n", "is not text in UTF-8"),
        (b"sku,title\n", "has no column name, category"),
        (b"", "has no column sku, name, category"),
        (b'"sku,name,category\na,b,c\n', "is not a CSV file"),
    ],
)
def test_what_is_no_catalogue_is_status_2(folder, run, content, reason):
    (folder / "catalog.csv").write_bytes(content)
    status, out, err = run(folder / "catalog.csv")
    assert (status, out) == (2, "")
    assert reason in err


def test_misuse_is_status_2(folder, run):
    path = write(folder, "CH-1,Oak chair,Chair,,")
    assert run(folder / "nowhere.csv")[0] == 2
    assert run(path, "--photos", folder / "nowhere")[0] == 2
    assert run(path, "--errors", folder / "nowhere" / "refused.csv")[0] == 2
    assert run(path, "--errors", path)[0] == 2
    assert run(path, "--errors", folder / "red.png")[0] == 2
    assert (folder / "red.png").read_bytes() == picture("red")
    assert run(folder, "--photos", folder)[0] == 2
    assert run(folder)[0] == 2
    assert Product.objects.count() == 0


def test_a_terminal_sees_no_traceback(tmp_path):
    """The true command: the status the shell gets, and what it prints without a terminal."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings")}
    done = subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "import_catalog", tmp_path / "nowhere.csv"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().endswith(f"{tmp_path / 'nowhere.csv'}: no such file or folder.")
    assert "Traceback" not in done.stderr


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        call_command("import_catalog", "--help")
    assert "  manage.py import_catalog catalog.csv --errors refused.csv\n" in capsys.readouterr().out


@needs_ikea
def test_a_real_catalogue_goes_in_whole(run):
    status, out, _ = run(IKEA / "catalog.csv")
    assert (status, told(out)) == (
        0,
        ["Products: 398 added, 0 updated, 0 unchanged, 0 refused. Photos: 398 added."],
    )
    assert Category.objects.count() == 5
    assert Product.objects.filter(attributes__contains={"type": "Bunk bed frame"}).count() >= 1
    assert told(run(IKEA / "catalog.csv")[1])[1] == "Nothing had to change."
