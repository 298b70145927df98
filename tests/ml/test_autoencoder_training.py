"""Training a backbone on the shop's own photos; it can be interrupted while it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models.feature_extraction import create_feature_extractor

from ml.autoencoder import LATENT, SIZE, Autoencoder
from ml.autoencoder_training import (
    RECIPE,
    VARIANCE_FLOOR,
    WHITENING,
    CheckpointError,
    Epoch,
    TooFewPhotos,
    Training,
    TrainingPlan,
    sheet,
    squared,
    whiten,
)
from ml.encoder import Encoder
from ml.preprocessing import preprocess
from ml.recipes import make_recipe
from ml.weights import load_network

PLAN = TrainingPlan(epochs=4, patience=4, batch=16)
COLOURS = ("red", "green", "blue", "black")


def chair(colour: str, shift: int) -> Image.Image:
    photo = Image.new("RGB", (100, 120), "white")
    photo.paste(colour, (20 + shift % 8, 30 + shift // 8, 70, 110))
    return photo


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """64 photos, 16 of each colour in turn."""
    return np.stack([squared(chair(COLOURS[number % 4], number // 4)) for number in range(64)])


@pytest.fixture(scope="module")
def products() -> np.ndarray:
    """Two photos of each product."""
    return np.arange(64) // 2


@pytest.fixture(scope="module")
def trained(photos, products, tmp_path_factory) -> Training:
    training = Training(photos, products, PLAN, "cpu")
    assert [epoch.number for epoch in training.run(tmp_path_factory.mktemp("run") / "checkpoint")] == [1, 2, 3, 4]
    return training


def normalised(photos) -> torch.Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (RECIPE.mean, RECIPE.std))
    return torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float().div(255).sub(mean).div(std)


def test_training_sees_the_pixels_that_indexing_will_see():
    photo = Image.radial_gradient("L").convert("RGB").resize((300, 211))
    assert np.array_equal(squared(photo), preprocess(photo, RECIPE))
    [seen] = normalised([squared(photo)])
    [indexed] = Encoder(RECIPE, "cpu", runtime="torch").encode([photo])
    network = create_feature_extractor(load_network(RECIPE), {"bottleneck": "features"})
    with torch.inference_mode():
        [bottleneck] = network(seen[None])["features"]
    assert indexed == pytest.approx(torch.nn.functional.normalize(bottleneck, dim=0).numpy(), abs=1e-5)


def test_training_lowers_the_loss(trained):
    assert trained.done[3].loss < trained.done[1].loss < trained.done[0].loss


def test_a_product_is_learned_from_or_held_out_never_both(trained, products):
    assert sorted([*trained.learned, *trained.held_out]) == list(range(64))
    assert set(products[trained.learned]).isdisjoint(products[trained.held_out])
    assert len(set(products[trained.held_out])) == 3


def test_the_weights_kept_are_those_of_the_best_epoch(trained, photos):
    pixels = normalised(photos[trained.held_out])
    with torch.inference_mode():
        painted = trained.best_network()(pixels)
    loss = torch.nn.functional.mse_loss(painted, pixels).item()
    assert trained.best == min(trained.done, key=lambda epoch: epoch.held_out_loss)
    assert loss == pytest.approx(trained.best.held_out_loss, rel=1e-4)


def test_whitening_flattens_the_variances_centres_the_embedding_and_leaves_what_is_painted():
    torch.manual_seed(0)
    network, photos = Autoencoder().train(), torch.randn(300, 3, SIZE, SIZE)
    with torch.inference_mode():
        network(photos[:32])  # this gives the BatchNorms statistics of their own
        before, painted = network.eval().bottleneck(network.encoder(photos)), network(photos)
        whiten(network, before)
        after, repainted = network.bottleneck(network.encoder(photos)), network(photos)
    assert torch.allclose(painted, repainted, atol=1e-4)
    assert after.mean(0).abs().max() < 1e-4
    variances, components = torch.linalg.eigh(torch.cov(before.T))
    covariance = components.T @ torch.cov(after.T) @ components
    usual = variances > VARIANCE_FLOOR * variances.mean()
    assert torch.allclose(covariance.diag()[usual], variances[usual] ** (1 - WHITENING), rtol=1e-2)
    assert (covariance - covariance.diag().diag()).abs().max() < 1e-3


def test_an_interrupted_run_ends_with_the_very_weights_of_one_that_was_not(trained, photos, products, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    interrupted = Training(photos, products, PLAN, "cpu").run(checkpoint)
    next(interrupted), next(interrupted)
    resumed = Training(photos, products, PLAN, "cpu")
    resumed.resume(checkpoint)
    assert [epoch.number for epoch in resumed.run(checkpoint)] == [3, 4]
    assert resumed.done == trained.done
    for state, expected in [
        (resumed.network.state_dict(), trained.network.state_dict()),
        (resumed.best_state, trained.best_state),
    ]:
        assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_another_seed_learns_other_weights_and_the_global_random_state_is_left_alone(photos, products):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, again = (Training(photos, products, TrainingPlan(seed=seed), "cpu").network for seed in (0, 1, 0))
    assert torch.equal(torch.get_rng_state(), before)
    kernel, other, same = (network.state_dict()["encoder.0.0.weight"] for network in (first, second, again))
    assert torch.equal(kernel, same)
    assert not torch.equal(kernel, other)


@pytest.mark.parametrize(("patience", "over"), [(2, True), (3, False)])
def test_training_ends_when_patience_does(photos, products, patience, over):
    training = Training(photos, products, TrainingPlan(patience=patience), "cpu")
    training.done = [Epoch(1, 0.9, 0.9), Epoch(2, 0.8, 0.5), Epoch(3, 0.7, 0.6), Epoch(4, 0.6, 0.5)]
    assert training.best == training.done[1]
    assert training.is_over is over


@pytest.mark.parametrize(
    ("plan", "brighter", "named"),
    [
        (replace(PLAN, seed=1), 0, "seed, held-out products"),
        (replace(PLAN, epochs=9), 0, "epochs"),
        (PLAN, 1, "photos"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_what_differs(photos, products, plan, brighter, named, tmp_path):
    next(Training(photos, products, PLAN, "cpu").run(tmp_path / "checkpoint"))
    with pytest.raises(CheckpointError, match=f"is of a run with other {named}$"):
        Training(photos + np.uint8(brighter), products, plan, "cpu").resume(tmp_path / "checkpoint")


@pytest.mark.parametrize("content", [b"", b"junk"], ids=["empty", "junk"])
def test_a_damaged_checkpoint_is_refused(photos, products, content, tmp_path):
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        Training(photos, products, PLAN, "cpu").resume(tmp_path / "checkpoint")


def test_the_saved_weights_make_an_encoder_for_which_red_is_nearest_to_red(trained, tmp_path):
    path = tmp_path / "models" / "own.safetensors"
    trained.save(path)
    assert [file.name for file in path.parent.iterdir()] == ["own.safetensors"]
    saved = load_file(path)
    assert saved.keys() == {name for name in trained.network.state_dict() if not name.startswith("decoder.")}
    assert {value.dtype for value in saved.values() if value.is_floating_point()} == {torch.float16}
    images = [chair(colour, shift) for shift in (0, 9) for colour in COLOURS]
    vectors = Encoder(make_recipe(str(path), "autoencoder"), "cpu").encode(images)
    assert vectors.shape == (8, LATENT)
    assert (vectors[:4] @ vectors[4:].T).argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("rows", "of_one_product"), [(63, False), (64, True)])
def test_too_few_photos_or_products_are_refused(photos, products, rows, of_one_product):
    products = np.zeros(rows, int) if of_one_product else products[:rows]
    with pytest.raises(TooFewPhotos, match=f"at least 64 photos of at least 2 products .* {rows} of"):
        Training(photos[:rows], products, PLAN, "cpu")


@pytest.mark.parametrize(("count", "size"), [(3, (3, 2)), (8, (8, 2)), (20, (8, 4))])
def test_the_sheet_shows_what_the_network_makes_of_each_photo(photos, count, size):
    columns, rows = size
    picture = sheet(Autoencoder().eval(), photos[:count])
    assert picture.size == (columns * (SIZE + 2) + 2, rows * (SIZE + 2) + 2)
    assert np.array_equal(np.asarray(picture)[2 : SIZE + 2, 2 : SIZE + 2], photos[0])
