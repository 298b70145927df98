"""Words beside a photo, taken apart: what is wanted, what ranks, what was not understood."""

from decimal import Decimal

import pytest

from catalog.models import Category
from catalog.synonyms import Synonym
from search import photo_words
from search.attribute_readings import How, ShopValues
from search.photo_words import AttributeWanted, CategoryWanted, PhotoWords, PriceWanted, StockWanted, Wanted
from tests.text_index import forget_synonyms

pytestmark = pytest.mark.django_db

VALUES = ShopValues(
    (
        (("color", "black"), 9),
        (("color", "oak"), 8),
        (("material", "oak"), 7),
        (("color", "walnut"), 6),
        (("material", "linen, oak"), 5),
        (("material", "velvet / black ash"), 4),
        (("material", "faux leather"), 4),
        (("material", "powder-coated steel"), 4),
        (("color", "sage"), 3),
        (("color", "olive"), 3),
        (("color", "light grey"), 3),
        (("range", "OLIVE"), 2),
        (("range", "Holmen"), 3),
        (("type", "Table lamp"), 2),
        (("power", "60 W"), 2),
        (("finish", "Café au lait"), 1),
    )
)
MANY = ShopValues((*VALUES.known, *((("range", f"v{number}"), 1) for number in range(9))))
SHOP = {
    1: Category(pk=1, slug="chair", name="Chairs"),
    2: Category(pk=2, slug="lamp", name="Lamp"),
    3: Category(pk=3, slug="bed", name="Beds"),
    4: Category(pk=4, slug="sofa", name="Sofa"),
    5: Category(pk=5, slug="outdoor", name="Outdoor furniture"),
}


@pytest.fixture(autouse=True)
def without_synonyms():
    forget_synonyms()
    yield
    forget_synonyms()


def read(words: str) -> PhotoWords:
    return photo_words.read(words, VALUES, SHOP)


def told(one: Wanted) -> str:
    """What is wanted, in short."""
    text = f"{'not ' if one.negated else ''}[{one.text}]"
    match one:
        case AttributeWanted():
            return f"{text} {max(min(one.how for one in some) for some in one.alternatives).name.lower()}"
        case PriceWanted():
            return f"{text} {one.least or ''}..{one.most or ''}"
        case StockWanted():
            return f"{text} stock"
        case CategoryWanted():
            return f"{text} {'+'.join(SHOP[category].slug for category in sorted(one.categories))}"
    raise AssertionError(one)


def summed_up(words: str) -> tuple[list[str], str, list[str]]:
    found = read(words)
    return [told(one) for one in found.wanted], found.rest, list(found.not_understood)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("like this, but in oak", ["[oak] exact"]),
        ("The same in Black, please!", ["[Black] exact"]),
        ("the same but in a green under 300", ["[green] colour", "[under 300] ..300.00"]),
        ("in cafe au lait", ["[cafe au lait] exact"]),
        ("powder coated steel", ["[powder coated steel] exact"]),
        ("linen", ["[linen] part"]),
        ("black ash", ["[black ash] part"]),
        ("like this in dark wood", ["[dark wood] material"]),
        ("light gray one", ["[light gray] colour"]),
        ("leather", ["[leather] material"]),
        ("Holmen in walnut", ["[Holmen] exact", "[walnut] exact"]),
        ("oak or walnut", ["[oak or walnut] exact"]),
        ("oak and black", ["[oak] exact", "[black] exact"]),
        ("oak, oak", ["[oak] exact"]),
        ("table lamp", ["[table lamp] exact"]),
        ("60 W", ["[60 W] exact"]),
        ("under €300, over 100", ["[under €300] ..300.00", "[over 100] 100.00.."]),
        ("in oak and in stock", ["[oak] exact", "[in stock] stock"]),
        ("available now", ["[available now] stock"]),
        ("not available", ["not [not available] stock"]),
        ("in-stock", ["[in-stock] stock"]),
        ("available in black?", ["[black] exact"]),
        ("black, oak or walnut", ["[black, oak or walnut] exact"]),
        ("black, oak, or walnut", ["[black, oak, or walnut] exact"]),
        ("black/oak", ["[black/oak] exact"]),
        ("black or green", ["[black or green] colour"]),
        ("this oak chair but in walnut", ["[chair] chair", "[walnut] exact"]),
        ("like this in linen, but in oak", ["[oak] exact"]),
        ("like this in black, but under 300", ["[black] exact", "[under 300] ..300.00"]),
        ("I'd like it in oak", ["[oak] exact"]),
        ("sage green", ["[sage green] exact"]),
        ("under 1 200 €", ["[under 1 200 €] ..1200.00"]),
        ("under 1'200 CHF", ["[under 1'200 CHF] ..1200.00"]),
    ],
)
def test_what_names_something_is_wanted_and_nothing_is_left(words, wanted):
    assert summed_up(words) == (wanted, "", [])


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("not black", ["not [not black] exact"]),
        ("but not in black", ["not [not in black] exact"]),
        ("no leather", ["not [no leather] material"]),
        ("without linen, in oak", ["not [without linen] part", "[oak] exact"]),
        ("-black", ["not [-black] exact"]),
        ("oak -black", ["[oak] exact", "not [-black] exact"]),
        ("anything but black", ["not [anything but black] exact"]),
        ("I don't want black", ["not [don't want black] exact"]),
        ("not black or oak", ["not [not black or oak] exact"]),
        ("neither black nor oak", ["not [neither black nor oak] exact"]),
        ("not, black", ["[black] exact"]),
        ("not a chair", ["not [not a chair] chair"]),
        ("not over 300", ["[not over 300] ..300.00"]),
        ("semi-black", ["[black] exact"]),
        ("any colour but black", ["not [any colour but black] exact"]),
        ("everything but black", ["not [everything but black] exact"]),
        ("dont want black", ["not [dont want black] exact"]),
        ("nothing in black", ["not [nothing in black] exact"]),
        ("avoid black", ["not [avoid black] exact"]),
        ("non-leather", ["not [non-leather] material"]),
        ("leather-free", ["not [leather-free] material"]),
        ("no black, oak or walnut", ["not [no black, oak or walnut] exact"]),
        ("don't you have this in black?", ["[black] exact"]),
        ("I can't find this in oak", ["[oak] exact"]),
        ("I couldn't find it in walnut", ["[walnut] exact"]),
        ("isn't there one in oak", ["[oak] exact"]),
        ("why not in black?", ["[black] exact"]),
        ("not only in black", ["[black] exact"]),
    ],
)
def test_what_must_not_be_is_told_from_what_must(words, wanted):
    assert summed_up(words)[0] == wanted


@pytest.mark.parametrize(
    ("words", "wanted", "rest"),
    [
        ("a chair in oak", ["[chair] chair", "[oak] exact"], ""),
        ("chairs or a sofa", ["[chairs] chair", "[sofa] sofa"], ""),
        ("like this, for outdoor furniture", [], "outdoor furniture"),
        ("outdoor furniture", ["[outdoor furniture] outdoor"], ""),
        ("sofa bed", ["[bed] bed"], "sofa"),
        ("bed, sofa", ["[bed] bed", "[sofa] sofa"], ""),
        ("bed linen", ["[bed] bed", "[linen] part"], ""),  # The shop has linen, and no bed linen.
        ("bed cover", [], "bed cover"),
        ("bedding", [], "bedding"),
        ("a bed bigger than this", ["[bed] bed"], "bigger"),
        ("a lamp for the bed", ["[lamp] lamp"], "bed"),
        ("reading lamp", ["[lamp] lamp"], "reading"),
        ("like this chair in oak", ["[chair] chair", "[oak] exact"], ""),
        ("like this chair, but a sofa", ["[sofa] sofa"], ""),
    ],
)
def test_a_category_is_the_thing_that_is_wanted_and_not_what_stands_beside_it(words, wanted, rest):
    assert summed_up(words) == (wanted, rest, [])


@pytest.mark.parametrize(
    ("words", "rest", "not_understood"),
    [
        ("", "", []),
        (" ?! ", "", []),
        ("like this", "", []),
        ("the same, please", "", []),
        ("with curved arms", "curved arms", []),
        ("cosier", "cosier", []),
        ("80 cm wide", "", ["80 cm wide"]),
        ("under 120cm", "", ["120cm"]),
        ("a 3 seater", "", ["3 seater"]),
        ("12", "", ["12"]),
        ("not shiny", "", ["not shiny"]),
        ("not around 300", "", ["not around 300"]),
        ("-shiny and curved", "curved", ["-shiny"]),
        ("under 99999999999", "", ["99999999999"]),
        ("日本", "日本", []),
        ("height under 80", "height", ["80"]),
        ("less than 80 high", "", ["less than 80 high"]),
        ("at least 3 cushions", "", ["least 3 cushions"]),
        ("from 1960", "", ["1960"]),
    ],
)
def test_the_rest_ranks_and_what_is_no_description_is_not_understood(words, rest, not_understood):
    assert summed_up(words) == ([], rest, not_understood)


def test_readings_come_from_strict_to_loose():
    [oak] = read("oak").wanted
    assert isinstance(oak, AttributeWanted)
    assert [(one.how, one.pairs) for one in oak.alternatives[0]] == [
        (How.EXACT, (("color", "oak"), ("material", "oak"))),
        (How.PART, (("material", "linen, oak"),)),
    ]


def test_the_name_of_a_range_is_no_colour():
    [green] = read("green").wanted
    assert isinstance(green, AttributeWanted)
    assert [one.pairs for one in green.alternatives[0]] == [(("color", "sage"), ("color", "olive"))]


def test_dark_and_light_tell_colours_and_materials_apart():
    def pairs(words: str) -> tuple[object, ...]:
        [one] = read(words).wanted
        assert isinstance(one, AttributeWanted)
        return one.alternatives[0][0].pairs

    assert pairs("dark green") == (("color", "olive"),)
    assert pairs("light green") == (("color", "sage"),)
    assert pairs("dark wood") == (("color", "walnut"), ("material", "velvet / black ash"))
    assert pairs("light wood") == (("color", "oak"), ("material", "oak"), ("material", "linen, oak"))


def test_alternatives_keep_readings_of_their_own():
    [both] = read("linen or oak").wanted
    assert isinstance(both, AttributeWanted)
    assert [[(one.how.name, one.pairs) for one in readings] for readings in both.alternatives] == [
        [("PART", (("material", "linen, oak"),))],
        [("EXACT", (("color", "oak"), ("material", "oak"))), ("PART", (("material", "linen, oak"),))],
    ]


def test_where_words_stand_is_counted_in_letters_each_time():
    [oak, black] = read("😀 oak, black, in oak").wanted
    assert (oak.spans, black.spans) == (((2, 5), (17, 20)), ((7, 12),))
    assert read("oak, oak").wanted[0].spans == ((0, 3), (5, 8))


def test_of_too_many_values_the_last_are_not_understood_and_the_price_is():
    colours = "black oak walnut sage olive"
    found = photo_words.read(f"{colours} {' '.join(f'v{number}' for number in range(9))}, under 300", MANY, SHOP)
    assert told(found.wanted[-1]) == "[under 300] ..300.00"
    assert (len(found.wanted), list(found.not_understood)) == (photo_words.MOST_WANTED, ["v6", "v7", "v8"])


def test_the_shops_synonyms_stand_for_values_and_categories():
    Synonym.objects.create(words="couch", means="sofa")
    Synonym.objects.create(words="noir", means="black")
    forget_synonyms()
    assert summed_up("a couch in noir") == (["[couch] sofa", "[noir] synonym"], "", [])


def test_categories_that_the_caller_chose_leave_no_room_for_others():
    found = read("a chair in oak, not a bed").without_categories()
    assert [told(one) for one in found.wanted] == ["[oak] exact", "not [not a bed] bed"]
    assert found.not_understood == ("chair",)
    assert found.categories is None
    assert read("chair or sofa").categories == {1, 4}


def test_without_an_encoder_the_rest_is_not_understood():
    assert read("curved arms").without_rest() == PhotoWords(not_understood=("curved arms",))
    assert read("in oak").without_rest() == read("in oak")


def test_a_bound_of_zero_is_one():
    [price] = read("from 0").wanted
    assert price == PriceWanted("from 0", least=Decimal("0.00"))
