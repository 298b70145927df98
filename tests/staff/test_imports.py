"""The admin's pages of imports: who may see and do what, what they tell, and what they refuse to read."""

import csv
import io
import re
import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.importing import jobs
from catalog.models import Import, ImportRow, Product
from staff import imports
from tests.catalog.importing.feeds import made_up_exports
from tests.conftest import picture
from tests.zips import Unflagged, zipped

pytestmark = pytest.mark.django_db

ADD = "/admin/catalog/import/add/"
TABLE = b"sku,name,category,image,price\nCH-1,Oak,Chair,red.png,5\nCH-2,Pine,Chair,,5\n=1+1,,Chair,,\n"


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.IMPORTS_ROOT = tmp_path / "imports"
    return settings.IMPORTS_ROOT


@pytest.fixture
def staff(db):
    """A client of staff with these permissions in the catalogue."""

    def make(*codenames, **options):
        user = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="catalog", codename__in=codenames))
        client = Client(**options)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def importer(staff):
    return staff("add_import")


def files(**sent):
    names = {"csv": "catalog.csv", "photos": "photos.zip"}
    return {name: SimpleUploadedFile(names[name], data) for name, data in sent.items()}


def page(sent):
    return f"/admin/catalog/import/{sent.pk}/change/"


def act(client, sent, verb):
    return client.post(f"/admin/catalog/import/{sent.pk}/{verb}/")


def cells(html):
    """The cells of the table of rows."""
    return [
        [" ".join(re.sub("<[^>]+>", "", cell).split()) for cell in re.findall(r"<td>(.*?)</td>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", html.partition("<tbody>")[2], re.S)
    ]


class Unread:
    def read(self, *_):
        raise AssertionError("the body was read")

    readline = read


def test_a_catalogue_is_sent_checked_confirmed_and_imported(importer, media):
    answer = importer.post(ADD, files(csv=TABLE, photos=zipped({"red.png": picture("red")})))
    sent = Import.objects.get()
    assert (answer.status_code, answer.url) == (302, page(sent))
    assert (str(sent), str(sent.created_by)) == ("catalog.csv and photos.zip", "staff-0")
    assert "Waiting for a worker" in importer.get(page(sent)).content.decode()

    jobs.work(60)
    shown = importer.get(page(sent)).content.decode()
    assert cells(shown) == [["2", "CH-1", "Oak, Chair; 1 new photo"], ["3", "CH-2", "Pine, Chair"]]
    assert cells(importer.get(page(sent) + "?outcome=refused").content.decode()) == [["4", "=1+1", "no name"]]
    assert Product.objects.count() == 0

    assert act(importer, sent, "start").url == page(sent)
    assert act(importer, sent, "start").url == page(sent)  # clicked twice
    assert "It is not waiting to be started." in importer.get(page(sent)).content.decode()
    jobs.work(60)
    state = importer.get(f"/admin/catalog/import/{sent.pk}/progress/").json()
    assert {name: state[name] for name in ("state", "done", "total", "added", "refused", "photos_added")} == {
        "state": "done",
        "done": 3,
        "total": 3,
        "added": 2,
        "refused": 1,
        "photos_added": 1,
    }
    assert Product.objects.count() == 2


def test_a_feed_is_sent_and_the_page_tells_how_it_was_understood(importer):
    form = importer.get(ADD).content.decode()
    assert all(title in form for title in ("WooCommerce&#x27;s product export", "a Google Merchant Center feed"))
    assert importer.post(ADD, {**files(csv=made_up_exports.shopify().encode()), "format": "shopify"}).status_code == 302
    sent = Import.objects.get()
    jobs.work(60)
    shown = importer.get(page(sent)).content.decode()
    assert "200 photos are at web addresses. Workers fetch them once their rows are in.<br>" in shown
    assert "catalog.csv is read as Shopify&#x27;s product export." in shown
    assert "Variant SKU → sku" in shown
    act(importer, sent, "start")
    jobs.work(60)
    assert Product.objects.count() == 100
    assert "Workers fetch them once their rows are in" in importer.get(page(sent)).content.decode()


def test_a_format_that_a_file_is_not_of_is_an_error_of_the_file(importer):
    answer = importer.post(ADD, {**files(csv=TABLE), "format": "shopify"})
    assert answer.context["adminform"].form.errors == {
        "csv": [
            "catalog.csv, read as Shopify's product export, has no column handle, title; "
            "its first line has to name them."
        ]
    }
    answer = importer.post(ADD, {**files(csv=TABLE), "format": "excel"})
    assert list(answer.context["adminform"].form.errors) == ["format"]


def test_the_report_has_the_refused_rows_and_no_formulas(importer):
    importer.post(ADD, files(csv=TABLE))
    jobs.work(60)
    answer = importer.get(f"/admin/catalog/import/{Import.objects.get().pk}/report/")
    assert answer["Content-Disposition"].startswith('attachment; filename="refused-')
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["line", "sku", "reason"],
        [
            "2",
            "CH-1",
            "image red.png: no photos were sent; send them as a ZIP with the CSV, or empty the cell",
        ],
        ["4", "'=1+1", "no name"],
    ]


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"__all__": ["Choose a CSV file, a ZIP of photos, or both."]}),
        (
            {"csv": b"sku,title\n"},
            {"csv": ["catalog.csv has no column name, category; its first line has to name them."]},
        ),
        (
            {"csv": TABLE, "photos": zipped({"../red.png": b"x"})},
            {"photos": ["photos.zip: '../red.png' leads out of the ZIP. Pack the folder of photos itself."]},
        ),
        (
            {"photos": zipped({"red.png": b"x"})},
            {"photos": ["photos.zip has no photos in folders named after their category, such as chair/oak.jpg."]},
        ),
        ({"csv": b""}, {"csv": ["The submitted file is empty."]}),
    ],
)
def test_files_that_cannot_be_imported_are_errors_of_their_field(importer, root, sent, errors):
    answer = importer.post(ADD, files(**sent))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == errors
    assert list(root.glob("*")) == []


def test_letters_of_names_in_a_zip_are_chosen_when_it_does_not_say_them(importer, media):
    packed = zipped([(Unflagged("Køkken/grøn stol.png".encode("cp850")), picture("red"))])
    [error] = importer.post(ADD, files(photos=packed)).context["adminform"].form.errors["photos"]
    assert "in the admin “Letters of its names”" in error
    importer.post(ADD, {**files(photos=packed), "zip_names": "cp850"})
    jobs.work(60)
    importer.post(f"/admin/catalog/import/{Import.objects.get().pk}/start/")
    jobs.work(60)
    assert Product.objects.get().category.name == "Køkken"
    form = importer.post(ADD, {**files(csv=TABLE), "zip_names": "cp850"}).context["adminform"].form
    assert form.errors == {"zip_names": ["It goes with a ZIP of photos: choose one, or leave this empty."]}


def test_who_may_not_import_is_turned_away_before_the_body_is_read(client, staff):
    large = {"CONTENT_LENGTH": "900000000", "wsgi.input": Unread()}
    client.cookies["sessionid"] = "any"
    for stranger, status in ((client, 302), (staff("add_product"), 403)):
        assert stranger.post(ADD, {}, **large).status_code == status


def test_the_form_is_still_guarded_against_other_sites(staff):
    assert staff("add_import", enforce_csrf_checks=True).post(ADD, files(csv=TABLE)).status_code == 403
    assert not Import.objects.exists()


@pytest.mark.parametrize("codenames", [["add_product"], ["view_import"], ["add_import"]])
def test_who_may_import_may_act_and_who_may_view_may_look(staff, codenames):
    client = staff(*codenames)
    sent = Import.objects.create(csv_name="catalog.csv", state="checked", total=0)
    looks = [client.get(url).status_code for url in (page(sent), *own(sent, "progress", "report"))]
    acts = [client.post(url).status_code for url in own(sent, "start", "cancel")]
    may_look = codenames[0] != "add_product"
    assert looks == [200 if may_look else 403] * 3
    assert acts == [302 if codenames == ["add_import"] else 403] * 2
    assert [client.get(url).status_code for url in own(sent, "start", "cancel")] == [405, 405]


def own(sent, *names):
    return [f"/admin/catalog/import/{sent.pk}/{name}/" for name in names]


def test_rows_are_shown_in_pages_and_so_is_how_many_are_not(importer, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_PAGE", 2)
    sent = Import.objects.create(csv_name="catalog.csv", state="checked", total=5, done=5, added=5, unit="line")
    ImportRow.objects.bulk_create(
        ImportRow(of=sent, number=number, place=str(number + 2), sku=f"CH-{number}", outcome="added")
        for number in range(3)
    )
    second = importer.get(page(sent) + "?page=2").content.decode()
    assert cells(second) == [["4", "CH-2", ""]]
    assert "Page 2 of 2" in second
    assert "The first 1,000 are shown, 2 are not." in second
    assert importer.get(page(sent) + "?page=many&outcome=none").status_code == 200


def test_an_import_that_nobody_works_on_says_so(importer):
    sent = Import.objects.create(csv_name="catalog.csv")
    Import.objects.update(created_at="2020-01-01T00:00Z")
    [url] = own(sent, "progress")
    assert importer.get(url).json()["stalled"] is True
    assert importer.get(own(sent, "progress")[0].replace(str(sent.pk), "0")).status_code == 404


def test_an_import_is_forgotten_once_it_is_over(staff):
    client = staff("add_import", "delete_import")
    sent = Import.objects.create(csv_name="catalog.csv", state="running")
    ImportRow.objects.create(of=sent, number=0, place="2", sku="CH-1", outcome="refused")
    url = f"/admin/catalog/import/{sent.pk}/delete/"
    assert client.post(url, {"post": "yes"}).status_code == 403
    act(client, sent, "cancel")
    asked = client.get(url)
    assert (asked.context["deleted_objects"], dict(asked.context["model_count"])) == (["catalog.csv"], {"imports": 1})
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not Import.objects.exists()


def test_what_is_sent_comes_in_where_it_stays_so_that_storing_it_is_a_rename(importer, root, monkeypatch):
    came_in = []

    def noted(upload):
        path = Path(upload.temporary_file_path())
        came_in.append((path.parent, path.stat().st_ino))
        return path

    monkeypatch.setattr(imports, "place_of", noted)
    importer.post(ADD, files(csv=TABLE))
    [stored] = root.iterdir()
    assert came_in == [(root, stored.stat().st_ino)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (root, stored)] == [0o700, 0o600]


def test_imports_are_listed_with_what_became_of_them(importer):
    Import.objects.create(csv_name="a.csv", state="done", dry_run=False, added=1234, unchanged=2)
    Import.objects.create(csv_name="b.csv", state="running", dry_run=False, done=10, total=2000)
    shown = importer.get("/admin/catalog/import/").content.decode()
    assert "1,234 added, 2 unchanged" in shown
    assert "10 of 2,000" in shown
