from staff import confusion

NAMES = {1: "Bed", 2: "Chair", 3: "Sofa"}


def test_each_row_says_what_a_category_is_taken_for():
    table = confusion.of({"confusion": {"1": {"1": 3, "3": 1}, "2": {"2": 4}, "3": {"3": 2}}}, NAMES)
    assert table is not None
    assert table.columns == ("Bed", "Chair", "Sofa")
    bed, chair, _ = table.rows
    assert (bed.category, bed.photos, bed.right, bed.others) == ("Bed", 4, 0.75, 0)
    assert [(cell.photos, cell.percent, cell.is_right) for cell in bed.cells] == [
        (3, "75%", True),
        (0, "0%", False),
        (1, "25%", False),
    ]
    assert [cell.photos for cell in chair.cells] == [0, 4, 0]


def test_of_many_categories_those_are_shown_that_are_mistaken_most():
    counts = {str(one): {str(one): 9} for one in range(1, 21)}
    counts["7"]["13"] = 5
    counts["7"]["20"] = 1
    table = confusion.of({"confusion": counts}, {one: f"{one:02}" for one in range(1, 21)})
    assert table is not None
    assert (len(table.rows), table.categories) == (confusion.SIDE, 20)
    assert {"07", "13", "20"} < set(table.columns)


def test_a_deleted_category_has_no_row_and_its_photos_are_counted_among_the_others():
    table = confusion.of({"confusion": {"1": {"1": 3, "9": 2}, "9": {"9": 4}}}, NAMES)
    assert table is not None
    assert [(row.category, row.others) for row in table.rows] == [("Bed", 2)]


def test_an_older_head_has_no_table():
    assert confusion.of({"top1": 0.9}, NAMES) is None
