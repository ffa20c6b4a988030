"""Models: what they tell, errors, pickle, threads."""

import multiprocessing
import os
import pickle
import shutil
import threading
import time
import weakref

import numpy as np
import pytest

import anoseg
from anoseg import _anoseg
from conftest import pixels


def score_of(model: anoseg.Model) -> tuple:
    """What another process says."""
    inspection = model.inspect(pixels(80, 60))
    return model.digest, inspection.score, inspection


def test_a_model_tells_what_it_is(model, model_path):
    assert len(model.digest) == 64 and model.path == model_path
    assert model.description["calibration"]["image_threshold"] == pytest.approx(model.thresholds.image)
    assert 0 <= model.thresholds.review <= model.thresholds.image
    assert "compact.anoseg" in repr(model) and "image=" in repr(model.thresholds)
    again = anoseg.Model.from_bytes(model_path.read_bytes())
    assert again.digest == model.digest and again.path is None and "from bytes" in repr(again)
    with pytest.raises(AttributeError):
        model.path = "other"


def test_errors_say_whose_fault_it_is(model, model_path, tmp_path):
    bad = tmp_path / "bad.anoseg"
    bad.write_bytes(model_path.read_bytes()[:-100])
    with pytest.raises(anoseg.ModelError, match="bad.anoseg"):
        anoseg.Model.load(bad)
    with pytest.raises(anoseg.ModelError):
        anoseg.Model.from_bytes(b"no model")
    with pytest.raises(anoseg.ResourceError, match="gone.anoseg"):
        anoseg.Model.load(tmp_path / "gone.anoseg")
    with pytest.raises(anoseg.DataError):
        model.inspect_bytes(b"no image")
    with pytest.raises(anoseg.DataError, match="bad.anoseg"):
        model.inspect_file(bad)
    for threads in (-1, 5000):
        with pytest.raises(anoseg.ArgumentError, match="threads"):
            anoseg.Model.load(model_path, threads=threads)
    for error in (anoseg.DataError, anoseg.ArgumentError, anoseg.ModelError, anoseg.ResourceError, anoseg.BugError):
        assert issubclass(error, anoseg.Error) and error.__module__ == "anoseg"


def test_a_panic_is_an_error_of_this_package():
    with pytest.raises(anoseg.BugError, match="asked for by a test"):
        _anoseg.panic_for_tests()


def test_a_model_goes_to_another_process(model, model_path):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        digest, score, inspection = pool.apply(score_of, (model,))
    expected = model.inspect(pixels(80, 60))
    assert digest == model.digest and score == expected.score
    assert np.array_equal(inspection.map, expected.map) and inspection.regions == expected.regions
    assert pickle.loads(pickle.dumps(anoseg.Model.load(model_path, threads=1))).threads == 1


def test_a_pickled_model_whose_file_is_another_is_refused(model_path, trained, tmp_path):
    path = tmp_path / "part.anoseg"
    shutil.copy(model_path, path)
    pickled = pickle.dumps(anoseg.Model.load(path))
    shutil.copy(trained, path)
    with pytest.raises(anoseg.ModelError, match="part.anoseg.*another model"):
        pickle.loads(pickled)
    with pytest.raises(anoseg.ArgumentError, match="bytes"):
        pickle.dumps(anoseg.Model.from_bytes(model_path.read_bytes()))


def test_other_threads_go_on_while_an_image_is_inspected(model):
    image, inspected, counted = pixels(1500, 1200), threading.Event(), 0

    def inspect() -> None:
        model.inspect(image)
        inspected.set()

    thread = threading.Thread(target=inspect)
    # The interpreter changes threads every 5 ms; without its lock this one counts all the time.
    begun = time.perf_counter()
    thread.start()
    longest = 0.0
    last = time.perf_counter()
    while not inspected.is_set():
        now = time.perf_counter()
        longest, last, counted = max(longest, now - last), now, counted + 1
        time.sleep(0.0005)
    taken = time.perf_counter() - begun
    thread.join()
    assert counted > 10 and longest < 0.7 * taken, (counted, longest, taken)


def test_threads_share_a_model(model, rgb):
    expected, wrong = model.inspect(rgb), []

    def inspect() -> None:
        for _ in range(10):
            if not np.array_equal(model.inspect(rgb).map, expected.map):
                wrong.append("differs")

    threads = [threading.Thread(target=inspect) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_thresholds_can_be_copied_and_models_referred_to_weakly(model):
    assert pickle.loads(pickle.dumps(model.thresholds)) == model.thresholds
    assert weakref.ref(model)() is model


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_says_that_its_threads_are_missing(model, rgb):
    model.inspect(rgb)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            model.inspect(rgb)
            os.write(writer, b"no error")
        except anoseg.ResourceError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert b"spawn" in said.read()
    os.waitpid(child, 0)
    assert model.inspect(rgb).map.shape == rgb.shape[:2]


def test_a_model_from_bad_bytes_is_called_so(model_path):
    with pytest.raises(anoseg.ModelError, match="^the bytes: "):
        anoseg.Model.from_bytes(model_path.read_bytes()[:100])


def test_numbers_that_cannot_be_name_their_argument(model_path, good_parts, tmp_path):
    for threads in (-1, 2**70, 1.5, "2", 100_000):
        with pytest.raises(anoseg.ArgumentError, match="threads"):
            anoseg.Model.load(model_path, threads=threads)
    for options in ({"steps": -1}, {"steps": 0}, {"steps": 2**70}, {"seed": -1}, {"minutes": 0}, {"on_progress": 5}):
        (name,) = options
        with pytest.raises(anoseg.ArgumentError, match=name):
            anoseg.train(good_parts, tmp_path / "part.anoseg", **options)
    assert not any(tmp_path.iterdir())
