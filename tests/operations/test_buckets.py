"""Very many names take no more memory than few."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from operations.backup import with_known
from operations.backup_folder import MEDIA, BackupFolder
from operations.buckets import Buckets


def test_a_name_is_in_the_bucket_of_the_same_number_in_all(tmp_path):
    names = [f"media/{number}" for number in range(1_000)]
    with Buckets(tmp_path, ((name, "a") for name in names)) as one, Buckets(tmp_path, [(names[7], "b")]) as other:
        pairs = list(zip(one, other, strict=True))
    assert sorted(name for bucket, _ in pairs for name in bucket) == sorted(names)
    assert [(bucket[names[7]], known) for bucket, known in pairs if known] == [("a", {names[7]: "b"})]


def test_of_a_name_that_is_added_twice_the_later_value_counts(tmp_path):
    with Buckets(tmp_path, [("a\tb", "1"), ("a\tb", "2")]) as buckets:
        assert [bucket for bucket in buckets if bucket] == [{"a\tb": "2"}]


def sums_of(folder: BackupFolder, photos: int) -> str:
    """A file of checksums as an earlier run left it."""
    digests = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(photos))
    folder.place("SHA256SUMS-1").write_text("".join(f"{one}  {MEDIA}photos/{one[:2]}/{one}.jpg\n" for one in digests))
    return "SHA256SUMS-1"


def most_memory(path: Path, photos: int) -> int:
    """The most bytes that a backup's names take, as they are matched with what is there and then kept."""
    path.mkdir()
    folder = BackupFolder(path)
    sums = sums_of(folder, photos)
    tracemalloc.start()
    with Buckets(path, folder.known()) as known, Buckets(path) as names:
        for number, (name, _) in enumerate(folder.checksums(sums)):
            names.add(name, str(number))
        assert sum(digest is not None for *_, digest in with_known(names, known)) == photos
    folder._delete_all_but(sums)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.slow
def test_ten_times_the_photos_take_no_more_memory(tmp_path):
    few, many = most_memory(tmp_path / "few", 5_000), most_memory(tmp_path / "many", 50_000)
    assert many < 1.2 * few
    assert many < 10_000_000
