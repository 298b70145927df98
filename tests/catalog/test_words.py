import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from catalog import synonyms, text_language
from catalog.models import Product
from catalog.synonyms import Synonym
from catalog.words import START, STOP, _folded_letter, folded, segments
from tests.text_index import forget_synonyms

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(product):
    product("table", sku="T-1", name="Dining table", description="Solid oak.")
    product("table", sku="T-2", name="Coffee table", attributes={"material": "walnut", "width": 120, "new": True})
    product("chair", sku="C-1", name="Dinner chair", description="Goes with the dining table.")
    product("chair", sku="C-2", name="Oak chair")


def found(words: str) -> set[str]:
    return set(Product.objects.search(words).values_list("sku", flat=True))


@pytest.mark.parametrize("sign", ["-", "(-", "(- ", "-!", "-.", "－", '-""', "'-"])
def test_any_number_of_signs_is_searched_for(sign):
    assert found(sign * 66) == set()
    assert found(f"chair {sign * 66}oak") <= {"C-1", "C-2"}


def test_the_last_of_many_minus_signs_leaves_out():
    assert found(f"chair {'-' * 66}oak sofa OR dinner") == {"C-1"}


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("cof", {"T-2"}),
        ("coffee tab", {"T-2"}),
        ("cof table", set()),  # Only the last word is still being typed.
        ("dinin", {"T-1"}),  # Found by the name as it is written: the stem, "dine", does not begin so.
        ("dining", {"T-1", "C-1"}),
        ("walnut", {"T-2"}),
        ("wal", {"T-2"}),
        ("120", {"T-2"}),
        ("material", set()),
        ("-oak cha", {"C-1"}),
        ("chair -oa", {"C-1", "C-2"}),
        ("coffee OR cha", {"T-2", "C-1", "C-2"}),
        ("coffee tab OR oak cha", {"C-2"}),
        ("coffee table OR oak cha", {"T-2", "C-2"}),
        ("oak or", {"T-1", "C-2"}),
        ('"dining table"', {"T-1", "C-1"}),
        ('"table dining"', set()),
        ('"dining table" cha', {"C-1"}),
        ("the", set()),  # A stop word that begins no name.
        ("T-", {"T-1", "T-2"}),
        ("_", set()),
        ("'", set()),
        ("oak:*", {"T-1", "C-2"}),
    ],
)
def test_what_words_find(words, skus):
    assert found(words) == skus


def test_a_name_comes_before_a_description_and_that_before_an_attribute(product):
    product(sku="by-attribute", attributes={"wood": "teak"})
    product(sku="by-description", description="Of teak.")
    product(sku="by-name", name="Teak stool")
    ranked = Product.objects.search("teak")
    assert [one.sku for one in ranked] == ["by-name", "by-description", "by-attribute"]
    assert [one.rank for one in ranked] == sorted({one.rank for one in ranked}, reverse=True)


def test_headlines_show_where_the_words_are():
    [table, chair] = Product.objects.search("dining tab").with_headlines("dining tab")
    assert table.name_headline == f"{START}Dining{STOP} {START}table{STOP}"
    assert chair.name_headline == "Dinner chair"
    assert chair.description_headline == f"Goes with the {START}dining{STOP} {START}table{STOP}"


def test_a_long_description_is_cut_to_the_part_that_matches(product):
    product(sku="long", description="Many words. " * 100 + "Of teak. " + "More words. " * 100)
    [one] = Product.objects.search("teak").with_headlines("teak")
    assert f"Of {START}teak{STOP}" in one.description_headline
    assert len(one.description_headline) < 300


def test_segments_are_plain_text_whatever_a_name_holds():
    assert segments(f"{START}Oak{STOP} <b>chair</b>", "Oak <b>chair</b>") == [
        {"text": "Oak", "match": True},
        {"text": " <b>chair</b>", "match": False},
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Sofa/Couch", "couch"),
        ("Oak/beech sideboard", "beech"),
        ("IP44/IP65 spotlight", "ip65"),
        ("BILLY-80 shelf", "billy 80"),
        ("BILLY-80 shelf", "BILLY-80"),
        ("Café chair", "cafe"),
        ("Café chair", "café"),
        ("Cafe chair", "Café"),
        ("Straßenlampe", "strassenlampe"),
        ("Strassenlampe", "straße"),
        ("Smørrebrød", "smorrebrod"),
        ("Ærø stol", "aero"),
        ("Bed\u2013sofa", "sofa"),
        ("Sofa_bed", "bed"),
        ("Стол-стул", "стул"),
    ],
)
def test_accents_and_joined_words_are_found_on_both_sides_in_every_field(product, name, words):
    product(sku="in-name", name=name)
    product(sku="in-description", description=f"Like a {name}.")
    product(sku="in-attribute", attributes={"kind": name})
    assert found(words) == {"in-name", "in-description", "in-attribute"}


@pytest.mark.parametrize("words", ["vl 50", "vl-50", "VL_50", "vl"])
def test_the_parts_of_a_sku_find_it(product, words):
    product(sku="VL-50", name="Lamp")
    assert "VL-50" in found(words)


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("sofa -café", {"two"}),
        ("sofa -cafe", {"two"}),
        ("-café sofa", {"two"}),
        ("sofa -two-seat", {"cafe"}),
        ("two-seat", {"two"}),
        ("café OR two-seat", {"cafe", "two"}),
    ],
)
def test_what_a_minus_leaves_out_is_left_out_however_it_is_written(product, words, skus):
    product("sofa", sku="cafe", name="Cafe sofa")
    product("sofa", sku="two", name="Two-seat sofa")
    assert found(words) == skus


def test_words_that_say_nothing_before_they_are_folded_are_not_looked_for(product):
    list(text_language.change("german"))
    product(sku="L-1", name="Lampe an der Wand")
    assert found("lampe für wand") == {"L-1"}


def test_a_word_counts_once_whatever_else_a_text_holds(product):
    product(sku="plain", name="A", description="Of oak, and good.")
    product(sku="folded", name="B", description="Of oak, and good-looking in a café.")
    ranks = {one.sku: one.rank for one in Product.objects.search("oak")}
    assert ranks["plain"] == ranks["folded"]


def test_values_of_attributes_are_words_of_their_own(product):
    product(sku="one", attributes={"a": "Oak\nCherry", "b": "black", "c": "leather", "d": True, "e": -80, "f": "x/y"})
    assert found("cherry") == found("leather black") == {"one"}
    assert found('"black leather"') == found("true") == set()
    assert found("y") == {"one"}


def test_a_word_that_a_joint_follows_is_still_left_out_by_a_minus():
    assert found("table -coffee") == {"T-1", "C-1"}
    assert found("dining-table") == {"T-1", "C-1"}


@pytest.mark.parametrize(
    ("name", "words", "marked"),
    [
        ("Sofa/Couch of oak", "couch", "Couch"),
        ("Straßenlampe", "strassenlampe", "Straßenlampe"),
        ("Café table", "cafe", "Café"),
        ("Cafe\u0301 table", "cafe", "Cafe\u0301"),
        ("BILLY-80 shelf", "80", "80"),
        ("Table ½ of 2", "table", "Table"),
    ],
)
def test_matches_are_marked_in_the_text_as_it_is_written(product, name, words, marked):
    product(sku="one", name=name, description=f"The {name} is good.")
    one = Product.objects.search(words).with_headlines(words).get(sku="one")
    for headline, text in ((one.name_headline, one.name), (one.description_headline, one.description)):
        shown = segments(headline, text)
        assert [part["text"] for part in shown if part["match"]] == [marked]
        assert "".join(part["text"] for part in shown) in text
    assert "".join(part["text"] for part in segments(one.name_headline, one.name)) == name


def test_python_and_postgresql_fold_alike():
    letters = [chr(code) for code in range(1, 0x3000) if not 0xD800 <= code < 0xE000]
    texts = ["x".join(letters[start : start + 64]) for start in range(0, len(letters), 64)]
    texts += ["a/b-c_d+e&f|g", "-a", "a - b", "1.5/2", "é/é", "a\u2014b", "ß-ß", "/", ""]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lamplight_folded(text) FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n) ORDER BY n", [texts]
        )
        stored = [text for (text,) in cursor]
    differ = [
        (text, ours, theirs)
        for text, ours, theirs in zip(texts, map(folded, texts), stored, strict=True)
        if ours != theirs
    ]
    assert differ == []


class TestSynonyms:
    @pytest.fixture(autouse=True)
    def forget(self):
        forget_synonyms()
        yield
        forget_synonyms()

    @pytest.fixture(autouse=True)
    def sofas(self, product):
        product("sofa", sku="S-1", name="Corner sofa", description="In grey.")
        product("sofa", sku="S-2", name="Two-seat sofa")

    @pytest.mark.parametrize(
        ("words", "skus"),
        [
            ("couch", {"S-1", "S-2"}),
            ("couches", {"S-1", "S-2"}),
            ("grey couch", {"S-1"}),
            ("corner -couch", set()),
            ("settee for two", {"S-2"}),
            ("sofa", {"S-1", "S-2"}),
            ("couch OR coffee", {"S-1", "S-2", "T-2"}),
        ],
    )
    def test_what_is_meant_is_found(self, words, skus):
        Synonym.objects.create(words="couch", means="sofa")
        Synonym.objects.create(words="settee for two", means="two-seat sofa")
        assert found(words) == skus

    def test_one_way_does_not_lead_back(self, product):
        product(sku="P-1", name="Ottoman couch")
        Synonym.objects.create(words="sofa", means="couch", both_ways=False)
        assert found("sofa") == {"S-1", "S-2", "P-1"}
        assert found("couch") == {"P-1"}

    def test_they_are_found_whatever_their_case_and_accents(self):
        Synonym.objects.create(words="Canapé", means="Sofa")
        assert found("canape") == found("CANAPÉ") == {"S-1", "S-2"}

    def test_what_the_shop_says_is_marked(self):
        Synonym.objects.create(words="couch", means="sofa")
        first = Product.objects.search("couch").with_headlines("couch").get(sku="S-1")
        assert first.name_headline == f"Corner {START}sofa{STOP}"

    def test_a_chain_leads_no_further_than_its_first_link(self, product):
        product(sku="D-1", name="Divan")
        Synonym.objects.create(words="couch", means="sofa", both_ways=False)
        Synonym.objects.create(words="sofa", means="divan", both_ways=False)
        assert found("couch") == {"S-1", "S-2"}

    def test_the_other_way_round_is_the_same_synonym(self):
        Synonym.objects.create(words="couch", means="sofa")
        with pytest.raises(ValidationError, match="other way round"):
            Synonym(words="Sofa", means="Couch").full_clean()

    def test_words_that_all_mean_the_same_do_not_multiply_without_end(self, product):
        words = ["sofa", "couch", "settee", "divan", "lounge", "davenport"]
        for place, word in enumerate(words):
            Synonym.objects.bulk_create(Synonym(words=word, means=other) for other in words[place + 1 :])
        assert len(synonyms.synonyms_within(" ".join(words))) == synonyms.MOST_SYNONYMS
        assert found("davenport") >= {"S-1", "S-2"}

    @pytest.mark.parametrize(("words", "means"), [("sofa", "Sofa"), ("--", "sofa"), ("sofa", "!"), ("Café", "cafe")])
    def test_a_synonym_that_says_nothing_is_refused(self, words, means):
        with pytest.raises(ValidationError):
            Synonym(words=words, means=means).full_clean()


def test_letters_that_strangers_choose_are_not_all_kept():
    folded("".join(map(chr, range(0x20000, 0x20000 + 12_000))))
    assert _folded_letter.cache_info().currsize <= 10_000
