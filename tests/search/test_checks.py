import pytest

from search import checks

THROTTLES = ["SEARCH_THROTTLE", "PAGE_THROTTLE", "PHOTO_THROTTLE"]


@pytest.mark.parametrize("name", THROTTLES)
@pytest.mark.parametrize("rate", ["off", "120/min", "5/s", "1000/day"])
def test_a_rate_passes(settings, name, rate):
    setattr(settings, name, rate)
    assert checks.throttles_are_rates() == []


@pytest.mark.parametrize("name", THROTTLES)
@pytest.mark.parametrize("rate", ["", "120", "many/min", "1/fortnight", "0/min"])
def test_what_is_no_rate_is_an_error_with_its_cure(settings, name, rate):
    setattr(settings, name, rate)
    [error] = checks.throttles_are_rates()
    assert (error.id, error.msg) == ("search.E002", f"{name} is no rate: {rate!r}")
    assert "120/min" in str(error.hint)


def test_weights_that_are_not_there_are_an_error(settings, tmp_path):
    settings.LAMPLIGHT_WEIGHTS = str(tmp_path / "none.pth")
    [error] = checks.weights_exist()
    assert (error.id, "none.pth" in error.msg) == ("search.E001", True)


@pytest.mark.parametrize("runtime", ["auto", "torch", "openvino"])
def test_a_runtime_that_is_installed_passes(settings, runtime):
    settings.LAMPLIGHT_RUNTIME = runtime
    assert checks.runtime_is_there() == []


def test_an_unknown_runtime_is_an_error_that_names_the_known(settings):
    settings.LAMPLIGHT_RUNTIME = "onnx"
    [error] = checks.runtime_is_there()
    assert (error.id, error.msg) == (
        "search.E006",
        "there is no runtime 'onnx': set the runtime to auto, torch, openvino",
    )


@pytest.mark.parametrize(
    ("runtime", "device", "message"),
    [
        ("openvino", "cuda", "OpenVINO runs on the CPU alone, not on 'cuda': set the runtime to 'auto'"),
        ("auto", "tpu", "the network cannot go to 'tpu': set the device to 'auto', 'cpu' or 'cuda'"),
        ("torch", "gpu:0", "the network cannot go to 'gpu:0': set the device to 'auto', 'cpu' or 'cuda'"),
    ],
)
def test_a_device_that_cannot_be_had_is_an_error(settings, runtime, device, message):
    settings.LAMPLIGHT_RUNTIME, settings.LAMPLIGHT_DEVICE = runtime, device
    [error] = checks.runtime_is_there()
    assert (error.id, error.msg) == ("search.E006", message)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_a_gpu_is_not_asked_for_at_start(settings, device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: pytest.fail("asked"))
    settings.LAMPLIGHT_DEVICE = device
    assert checks.runtime_is_there() == []


def test_behind_a_proxy_the_proxies_must_be_counted(settings):
    settings.BEHIND_TLS = True
    [error] = checks.proxies_are_counted()
    assert error.id == "search.E003"


@pytest.mark.parametrize(("days", "learn", "problems"), [(30, True, []), (0, False, []), (-1, False, ["search.E007"])])
def test_a_query_log_is_kept_for_a_number_of_days(settings, days, learn, problems):
    settings.QUERY_LOG_DAYS, settings.LEARN_FROM_FEEDBACK = days, learn
    assert [error.id for error in checks.query_log_is_a_number_of_days()] == problems


def test_learning_from_a_log_that_is_not_kept_is_an_error(settings):
    settings.QUERY_LOG_DAYS, settings.LEARN_FROM_FEEDBACK = 0, True
    [error] = checks.query_log_is_a_number_of_days()
    assert (error.id, error.hint) == ("search.E008", "Set QUERY_LOG_DAYS to 1 or more, or LEARN_FROM_FEEDBACK to 0.")


@pytest.mark.parametrize("encoder", ["", "none"])
def test_the_installed_text_encoder_and_none_pass(settings, encoder):
    settings.TEXT_ENCODER = encoder
    assert checks.text_encoder_is_there() == []


def test_a_text_encoder_that_is_not_there_is_an_error_with_its_cure(settings, tmp_path):
    settings.TEXT_ENCODER = str(tmp_path)
    [error] = checks.text_encoder_is_there()
    assert (error.id, "has no config.json" in error.msg) == ("search.E009", True)
    assert "none" in str(error.hint)
