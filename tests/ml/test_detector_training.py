"""Detectors: what is learned from scenes, and what numpy reads of it."""

import numpy as np
import pytest
import torch

from ml.detector import VERSION, Detector, VersionError, distinct, inputs, overlap
from ml.detector_training import Lesson, Training, _targets

CHANNELS, ROWS, COLUMNS = 16, 12, 16
KINDS = (7, 9)
NO_DETAILS = np.empty((ROWS, COLUMNS, 0), np.float32)


def lessons(count: int, seed: int) -> list[Lesson]:
    """Rectangles of two kinds, each kind a direction of the features, in noise."""
    random = np.random.default_rng(seed)
    directions = np.eye(CHANNELS)[:2] * 6
    made = []
    for _ in range(count):
        places = random.standard_normal((ROWS, COLUMNS, CHANNELS))
        left, top = random.integers(0, 8), random.integers(0, 6)
        right, bottom = left + random.integers(3, 8), top + random.integers(3, 6)
        kind = int(random.integers(2))
        places[top:bottom, left:right] += directions[kind]
        box = np.array([[left / COLUMNS, top / ROWS, right / COLUMNS, bottom / ROWS]], np.float32)
        owners = np.full((ROWS, COLUMNS), -1)
        owners[top:bottom, left:right] = 0
        features = inputs(places.astype(np.float32), NO_DETAILS)
        made.append(Lesson(features.astype(np.float16), box, np.array([kind]), owners))
    return made


@pytest.fixture(scope="module")
def training() -> Training:
    run = Training(CHANNELS, len(KINDS), steps=40 * 12)
    run.learn(lessons(96, seed=0), epochs=40)
    return run


@pytest.fixture(scope="module")
def detector(training) -> Detector:
    made: Detector = training.detector(KINDS, lessons(30, seed=1))
    return made


def test_things_are_found_with_their_boxes_and_kinds(detector):
    assert detector.found.recall > 0.9
    assert detector.found.precision > 0.6
    assert (detector.found.scenes, detector.found.things) == (30, 30)
    right = 0
    for lesson in lessons(20, seed=2):
        scores, boxes = detector.read(lesson.features.astype(np.float32))
        [(row, column)] = distinct(scores, boxes, most=1, least=0)
        truth = lesson.boxes[0] * (COLUMNS, ROWS, COLUMNS, ROWS)
        right += column == lesson.kinds[0] and overlap(boxes[row : row + 1], truth)[0] > 0.5
    assert right >= 15


def test_numpy_reads_what_torch_learned(training, detector):
    places = lessons(1, seed=3)[0].features.astype(np.float32)
    with torch.inference_mode():
        said = training.network(torch.from_numpy(places)[None])[0].numpy()
    scores, boxes = detector.read(places)
    chances = 1 / (1 + np.exp(-said))
    assert scores == pytest.approx(np.sqrt(chances[:, :2] * chances[:, -1:]), abs=0.01)
    reach = np.exp(said[0, 2:6])
    assert boxes[0] == pytest.approx([max(0, 0.5 - reach[0]), max(0, 0.5 - reach[1]), *(0.5 + reach[2:])], rel=0.02)
    assert boxes.min() >= 0
    assert (boxes <= (COLUMNS, ROWS, COLUMNS, ROWS)).all()


def test_a_stored_detector_reads_the_same(detector):
    again = Detector.from_bytes(detector.to_bytes())
    assert (again.classes, again.least, again.found) == (detector.classes, detector.least, detector.found)
    assert (again.learned, again.sureness) == ((True, True), detector.sureness)
    places = lessons(1, seed=3)[0].features.astype(np.float32)
    for one, other in zip(again.read(places), detector.read(places), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_training_ends_with_its_steps_whatever_it_is_given():
    run = Training(CHANNELS, 2, steps=3)
    run.learn(lessons(40, seed=0), epochs=2)
    assert run.left == 0
    run.learn(lessons(8, seed=0), epochs=1)


def test_scenes_without_things_can_be_learned_from():
    run = Training(CHANNELS, 2, steps=2)
    nothing = np.full((ROWS, COLUMNS), -1)
    features = np.ones((ROWS, COLUMNS, CHANNELS), np.float16)
    empty = Lesson(features, np.empty((0, 4), np.float32), np.empty(0, int), nothing)
    run.learn([empty, empty], epochs=2)
    made = run.detector(KINDS, [empty])
    assert (made.found.things, made.found.recall) == (0, 0)


def test_empty_scenes_are_learned_no_harder_than_others():
    nothing = Lesson(
        np.random.default_rng(0).standard_normal((ROWS, COLUMNS, CHANNELS)).astype(np.float16),
        np.empty((0, 4), np.float32),
        np.empty(0, int),
        np.full((ROWS, COLUMNS), -1),
    )
    run = Training(CHANNELS, 2, steps=1)
    losses = []
    for batch in (lessons(4, seed=0), [nothing] * 4):
        features = torch.from_numpy(np.stack([lesson.features for lesson in batch])).float()
        losses.append(run._loss(run.network(features), [_targets(lesson, 2) for lesson in batch]).item())
    assert losses[1] < 5 * losses[0]


def test_a_category_without_a_product_to_learn_from_is_as_likely_as_the_likeliest():
    run = Training(CHANNELS, 2, steps=2)
    run.learn([lesson for lesson in lessons(12, seed=0) if lesson.kinds[0] == 0], epochs=1)
    made = run.detector(KINDS, lessons(2, seed=1))
    assert made.learned == (True, False)
    scores, _ = made.read(lessons(1, seed=2)[0].features.astype(np.float32))
    assert (scores[:, 1] == scores[:, 0]).all()


def test_boxes_that_name_one_thing_are_one():
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [0, 0, 4, 4.2], [6, 6, 9, 9]], np.float32)
    scores = np.array([[0.9, 0.1], [0.8, 0.1], [0.1, 0.7], [0.2, 0.6]], np.float32)
    assert distinct(scores, boxes, most=5, least=0.3) == [(0, 0), (3, 1)]
    assert distinct(scores, boxes, most=1, least=0.3) == [(0, 0)]
    assert distinct(scores, boxes, most=5, least=0.95) == []


def test_a_box_is_as_likely_right_as_its_confidence_says(detector):
    said, right = [], []
    for lesson in lessons(60, seed=5):
        scores, boxes = detector.read(lesson.features.astype(np.float32))
        truth = lesson.boxes[0] * (COLUMNS, ROWS, COLUMNS, ROWS)
        found = distinct(scores, boxes, most=10, least=0)
        fits = np.array([overlap(boxes[row : row + 1], truth)[0] >= 0.5 for row, _ in found])
        named = np.array([column == lesson.kinds[0] for _, column in found])
        said += [detector.confidence(scores[row, column]) for row, column in found]
        right += (fits & named & (np.cumsum(fits) == 1)).tolist()  # A thing is found once.
    assert np.mean(said) == pytest.approx(np.mean(right), abs=0.03)
    assert np.mean(np.array(said)[right]) > 0.6
    assert detector.confidence(0.0) < 0.05 < detector.confidence(1.0) <= 1


def test_a_detector_sees_both_maps_at_equal_lengths():
    random = np.random.default_rng(0)
    places, details = random.random((3, 4, 8), np.float32), 100 * random.random((3, 4, 6), np.float32)
    features = inputs(places, details)
    assert features.shape == (3, 4, 14)
    lengths = [np.linalg.norm(part, axis=2) for part in (features[..., :8], features[..., 8:])]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)


def test_a_detector_of_another_version_is_refused(detector, monkeypatch):
    data = detector.to_bytes()
    monkeypatch.setattr("ml.detector.VERSION", VERSION + 1)
    with pytest.raises(VersionError, match=f"it is of version {VERSION}, this is {VERSION + 1}"):
        Detector.from_bytes(data)


def test_a_category_that_could_not_be_learned_does_not_spoil_what_the_others_are_worth():
    first = [lesson for lesson in lessons(160, seed=0) if lesson.kinds[0] == 0]
    found = []
    for kinds in (1, 2):
        run = Training(CHANNELS, kinds, steps=10 * 10)
        run.learn(first, epochs=10)
        found.append(run.detector(KINDS[:kinds], [one for one in lessons(40, seed=1) if one.kinds[0] == 0]).found)
    assert found[1].precision > found[0].precision - 0.15
