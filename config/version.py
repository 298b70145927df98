"""The number of this release. It is written here alone; tests/test_release.py holds what repeats it to this."""

VERSION = "1.0.0"
