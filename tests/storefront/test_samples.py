"""The sample photos: which are offered, and that nothing else of the disk is ever served."""

import pytest
from django.test import Client

from storefront import samples

BYTES = b"not decoded by the storefront"


@pytest.fixture
def folder(tmp_path, settings):
    """Two sofas, three lamps and one picture that the table does not name, beside files that are no pictures."""
    folder = tmp_path / "queries"
    folder.mkdir()
    rows = ["image,sku,category"]
    for name, category in [
        ("SOF-1", "sofa"),
        ("SOF-2", "sofa"),
        ("LAM-1", "lamp"),
        ("LAM-2", "lamp"),
        ("LAM-3", "lamp"),
    ]:
        (folder / f"{name}.webp").write_bytes(BYTES)
        rows.append(f"{name}.webp,{name},{category}")
    rows.append("missing.webp,MIS-1,lamp")
    (folder / "queries.csv").write_text("\n".join(rows))
    (folder / "unnamed.JPG").write_bytes(BYTES)
    (folder / "notes.txt").write_text("private")
    (folder / "folder.webp").mkdir()
    (tmp_path / "outside.webp").write_bytes(BYTES)
    settings.STOREFRONT_SAMPLES = [folder]
    return folder


def test_the_pictures_of_the_folder_are_available_with_their_categories(folder):
    assert {name: sample.categories for name, sample in samples.available().items()} == {
        "LAM-1.webp": ("lamp",),
        "LAM-2.webp": ("lamp",),
        "LAM-3.webp": ("lamp",),
        "SOF-1.webp": ("sofa",),
        "SOF-2.webp": ("sofa",),
        "unnamed.JPG": (),
    }


def test_a_folder_without_a_table_is_enough(folder):
    (folder / "queries.csv").unlink()
    assert {sample.categories for sample in samples.available().values()} == {()}


@pytest.mark.parametrize("table", [b"photo,kind\nSOF-1.webp,sofa\n", b"image,sku,category\nM\xf6bel.webp,a,b\n", b""])
def test_a_table_that_cannot_be_read_is_as_good_as_none(folder, table):
    (folder / "queries.csv").write_bytes(table)
    assert {sample.categories for sample in samples.available().values()} == {()}
    assert Client().get("/").status_code == 200


def test_a_short_row_has_no_category(folder):
    (folder / "queries.csv").write_text("image,sku,category\nSOF-1.webp\n")
    assert {sample.categories for sample in samples.available().values()} == {()}


def test_the_folder_is_read_again_when_it_or_its_table_changed(folder, monkeypatch):
    before = samples.available()
    with monkeypatch.context() as patch:
        patch.setattr(samples, "_categories", lambda table: pytest.fail("read again"))
        assert samples.available() == before
    (folder / "LAM-1.webp").unlink()
    assert set(samples.available()) == set(before) - {"LAM-1.webp"}
    (folder / "queries.csv").write_text("image,sku,category\nSOF-1.webp,SOF-1,couch\n")
    assert samples.available()["SOF-1.webp"].categories == ("couch",)


@pytest.mark.parametrize("names", [[], ["absent"]])
def test_no_folder_means_no_samples(tmp_path, settings, names):
    settings.STOREFRONT_SAMPLES = [tmp_path / name for name in names]
    assert samples.available() == {}
    assert samples.offered(10) == []


def test_folders_share_the_row_and_of_one_name_the_first_is_served(folder, tmp_path, settings):
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    for name in ("ROOM-1.webp", "ROOM-2.webp", "LAM-1.webp"):
        (rooms / name).write_bytes(b"a room")
    rows = ["image,sku,category,x,y,width,height", "ROOM-1.webp,a,sofa,0,0,1,1", "ROOM-1.webp,b,lamp,0,0,1,1"]
    (rooms / "rooms.csv").write_text("\n".join([*rows, "ROOM-1.webp,c,sofa,0,0,1,1"]))
    settings.STOREFRONT_SAMPLES = [rooms, folder]
    assert samples.available()["ROOM-1.webp"].categories == ("sofa", "lamp")
    assert [sample.name for sample in samples.offered(4)] == ["LAM-1.webp", "ROOM-1.webp", "SOF-1.webp"]
    assert Client().get("/samples/LAM-1.webp").getvalue() == b"a room"
    assert 'alt="Sample photo 2: sofa, lamp"' in Client().get("/").content.decode()


def test_the_shown_samples_take_turns_between_categories(folder):
    shown = [sample.name for sample in samples.spread(samples.available().values(), 5)]
    assert shown == ["LAM-1.webp", "SOF-1.webp", "unnamed.JPG", "LAM-2.webp", "SOF-2.webp"]


def test_within_a_category_the_shown_samples_lie_far_apart(folder):
    lamps = [sample for sample in samples.available().values() if sample.categories == ("lamp",)]
    assert [sample.name for sample in samples.spread(lamps, 1)] == ["LAM-1.webp"]
    assert [sample.name for sample in samples.spread(lamps, 2)] == ["LAM-1.webp", "LAM-2.webp"]
    assert samples.spread([], 5) == []


def test_a_sample_is_served_with_its_type_and_may_be_cached(folder):
    response = Client().get("/samples/SOF-1.webp")
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    assert response["Cache-Control"] == "public, max-age=3600"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.getvalue() == BYTES
    assert Client().get("/samples/unnamed.JPG")["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    "name",
    [
        "unknown.webp",
        "missing.webp",
        "notes.txt",
        "queries.csv",
        "folder.webp",
        "..",
        "../outside.webp",
        "..%2Foutside.webp",
        "%2e%2e%2foutside.webp",
        "..%5Coutside.webp",
        "sub/../SOF-1.webp",
        "SOF-1.webp%00.webp",
        "%2Fetc%2Fpasswd",
    ],
)
def test_nothing_else_is_served(folder, name):
    assert Client().get(f"/samples/{name}").status_code == 404


def test_samples_are_not_found_where_none_are_configured(settings):
    settings.STOREFRONT_SAMPLES = []
    assert Client().get("/samples/SOF-1.webp").status_code == 404
