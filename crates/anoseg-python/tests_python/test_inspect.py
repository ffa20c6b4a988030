"""Results of inspections, and the arrays that are taken."""

import gc
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import anoseg
from conftest import pixels, program, write_ppm


def fields(region: anoseg.Region) -> tuple:
    return region.__getnewargs__()


def assert_equal(one: anoseg.Inspection, other: anoseg.Inspection) -> None:
    assert one.score == other.score and one.decision is other.decision
    assert one.map.tobytes() == other.map.tobytes() and one.mask.tobytes() == other.mask.tobytes()
    assert one.regions == other.regions and one.warnings == other.warnings


def test_results_are_those_of_the_library_in_rust(model, rgb):
    folder = os.environ.get("ANOSEG_EXPECTED")
    if folder is None:
        pytest.skip("only cargo test gives the results of the library")
    expected = json.loads((Path(folder) / "expected.json").read_text())
    inspection = model.inspect(rgb)
    assert inspection.map.tobytes() == (Path(folder) / "map").read_bytes()
    assert inspection.mask.tobytes() == (Path(folder) / "mask").read_bytes()
    assert inspection.score == np.float32(expected["score"])
    assert inspection.decision == expected["decision"]
    assert inspection.warnings == expected["warnings"]
    assert len(inspection.regions) == len(expected["regions"]) > 0
    for region, known in zip(inspection.regions, expected["regions"]):
        assert np.float32(known.pop("peak")) == region.peak
        assert {name: getattr(region, name) for name in known} == known
    assert model.digest == expected["digest"]


def test_results_are_those_of_the_program(model, model_path, rgb, tmp_path):
    write_ppm(tmp_path / "image.ppm", rgb)
    results = tmp_path / "results"
    done = program("predict", model_path, tmp_path / "image.ppm", "--output", results)
    assert done.returncode == 0, done.stderr
    verdict = json.loads((results / "verdicts.jsonl").read_text().splitlines()[0])
    inspection = model.inspect_file(tmp_path / "image.ppm")
    assert np.float32(verdict["score"]) == inspection.score
    assert verdict["decision"] == inspection.decision
    assert_equal(inspection, model.inspect_bytes((tmp_path / "image.ppm").read_bytes()))
    assert_equal(inspection, model.inspect(rgb))


def test_every_type_of_array_is_the_same_image(model, rgb):
    expected = model.inspect(rgb)
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])
    bgr, bgra = rgb[..., ::-1], alpha[..., [2, 1, 0, 3]]
    assert_equal(model.inspect(alpha), expected)
    assert_equal(model.inspect(np.ascontiguousarray(bgr), order="bgr"), expected)
    assert_equal(model.inspect(np.ascontiguousarray(bgra), order="bgr"), expected)
    grey = rgb[..., 0].copy()
    expected = model.inspect(np.dstack([grey] * 3))
    assert_equal(model.inspect(grey), expected)
    assert_equal(model.inspect(grey[..., None]), expected)
    deep = model.inspect(grey.astype(np.uint16) * 257)
    assert np.allclose(deep.map, expected.map, atol=1e-5)


def test_rows_apart_and_other_strides_are_read(model, rgb):
    frame = pixels(200, 120)
    for crop in (frame[20:80, 30:110], frame[:60, :80], frame[60:, 120:], frame[5:13, 3:90], frame[:, 7:15]):
        assert_equal(model.inspect(crop), model.inspect(crop.copy()))
    expected = model.inspect(rgb)
    assert_equal(model.inspect(np.asfortranarray(rgb)), expected)
    assert_equal(model.inspect(rgb[::-1][::-1]), expected)
    for odd in (frame[::2, ::2], frame[::-1], frame[:, ::-1], frame[..., ::-1], frame.transpose(1, 0, 2), frame[::3]):
        assert_equal(model.inspect(odd), model.inspect(np.ascontiguousarray(odd)))
    alpha = np.dstack([frame, frame[..., :1]])
    assert_equal(model.inspect(alpha[..., :3]), model.inspect(frame))
    deep = frame[..., 0].astype(np.uint16) * 200
    for odd in (deep[10:50, 20:90], deep[:, ::2], deep.T, deep[::-1]):
        assert_equal(model.inspect(odd), model.inspect(odd.copy()))
    locked = frame[20:80, 30:110]
    locked.flags.writeable = False
    assert_equal(model.inspect(locked), model.inspect(locked.copy()))
    row = np.lib.stride_tricks.as_strided(frame, (60, 80, 3), (0, 3, 1))
    assert_equal(model.inspect(row), model.inspect(row.copy()))


def test_map_and_mask_are_arrays_of_the_caller(model, rgb):
    inspection = model.inspect(rgb)
    assert inspection.map.dtype == np.float32 and inspection.mask.dtype == np.bool_
    assert inspection.map.shape == inspection.mask.shape == rgb.shape[:2]
    assert inspection.map is inspection.map and inspection.map.flags.c_contiguous
    assert inspection.map.flags.writeable and inspection.mask.flags.writeable
    score_map, before = inspection.map, inspection.map.copy()
    del inspection
    gc.collect()
    for _ in range(20):
        model.inspect(rgb)
    assert np.array_equal(score_map, before)
    score_map[:] = 2
    assert score_map.max() == 2


def test_a_batch_gives_the_results_of_each_image(model):
    images = np.stack([np.roll(pixels(80, 60), 3 * number, axis=0) for number in range(11)])
    expected = [model.inspect(image) for image in images]
    for batch in (images, list(images), iter(images), images[..., ::-1][..., ::-1]):
        inspections = model.inspect_batch(batch)
        assert len(inspections) == len(expected)
        for one, other in zip(inspections, expected):
            assert_equal(one, other)
    assert model.inspect_batch([]) == []
    with pytest.raises(anoseg.ArgumentError, match=r"images\[1\].*float64"):
        model.inspect_batch([images[0], images[1] / 255])


def test_models_with_threads_of_their_own_give_the_same(model, model_path, rgb):
    one = anoseg.Model.load(model_path, threads=1)
    assert one.threads == 1 and model.threads == 0
    assert_equal(one.inspect(rgb), model.inspect(rgb))
    assert_equal(one.inspect_batch([rgb, rgb])[1], model.inspect(rgb))


def test_what_is_no_image_is_told_with_what_is(model, rgb):
    wrong = [rgb / 255, rgb.astype(np.int8), rgb > 3, rgb[..., :2], rgb[None], rgb[0, 0], rgb.astype(np.uint16), "path",
             rgb.tolist(), rgb.astype(">u2")[..., 0], None, rgb.astype(object), rgb[:0], rgb[:, :0]]
    for image in wrong:
        with pytest.raises(anoseg.ArgumentError) as told:
            model.inspect(image)
        assert isinstance(told.value, ValueError)
        assert "uint8 of height x width" in str(told.value) or "at least 1" in str(told.value)
    with pytest.raises(anoseg.ArgumentError, match="bgr"):
        model.inspect(rgb, order="gbr")


def test_a_decision_is_a_text_and_regions_can_be_pickled(model, rgb):
    inspection = model.inspect(rgb)
    assert inspection.decision in ("good", "review", "reject") and isinstance(inspection.decision, anoseg.Decision)
    assert json.loads(json.dumps({"decision": inspection.decision}))["decision"] == inspection.decision.value
    assert_equal(pickle.loads(pickle.dumps(inspection)), inspection)
    assert str(inspection.decision) in repr(inspection) and "80x60" in repr(inspection)
    assert f"area={inspection.regions[0].area}" in repr(inspection.regions[0])


def test_thousands_of_inspections_take_no_more_memory(model, rgb):
    pages = Path("/proc/self/statm")
    if not pages.exists():
        pytest.skip("only Linux tells the memory of a process so")

    def resident() -> int:
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    small, wide = np.ascontiguousarray(rgb[:40, :40]), pixels(300, 40)
    for _ in range(300):
        model.inspect(small)
        model.inspect(wide[:, 20:60])
    before = resident()
    for _ in range(1000):
        model.inspect(small)
        model.inspect(wide[:, 20:60])
    # Each map and mask that were kept would take 8000 bytes, 16 MB together.
    assert resident() - before < 6_000_000


def test_a_verdict_is_the_line_that_predict_writes(model, model_path, tmp_path):
    image, text = tmp_path / "a.ppm", tmp_path / "b.png"
    write_ppm(image, pixels(80, 60))
    text.write_bytes(b"no image")
    done = program("predict", model_path, image, text, "-o", tmp_path / "out")
    assert done.returncode == 3, done.stderr
    lines = (tmp_path / "out/verdicts.jsonl").read_text().splitlines()
    verdicts = [model.verdict(path.read_bytes(), path) for path in (image, text)]
    assert [json.loads(line) for line in lines] == verdicts
    assert verdicts[0]["regions"] and verdicts[1]["error"]


def test_arrays_have_the_limits_of_files(model):
    for shape in [(4, 40, 3), (40, 7), (10, 33000, 3), (30000, 30000)]:
        image = np.broadcast_to(np.uint8(7), shape)
        with pytest.raises(anoseg.ArgumentError, match=f"{shape[1]} x {shape[0]}"):
            model.inspect(image)
        with pytest.raises(anoseg.ArgumentError, match=r"images\[0\]"):
            model.inspect_batch([image])
    with pytest.raises(anoseg.ArgumentError, match="max_pixels=100"):
        model.inspect(pixels(40, 30), max_pixels=100)
    assert model.inspect(pixels(40, 30), max_pixels=1200).map.shape == (30, 40)


def test_one_colour_image_is_no_batch(model, rgb):
    with pytest.raises(anoseg.ArgumentError, match=r"one image: give \[image\]"):
        model.inspect_batch(rgb)
    (only,) = model.inspect_batch(rgb[None])
    assert_equal(only, model.inspect(rgb))
    assert len(model.inspect_batch(rgb[:, :, 0][None])) == 1


def test_arrays_that_are_not_aligned_are_copied(model):
    grey = np.arange(40 * 30, dtype=np.uint16).reshape(30, 40) * 50
    apart = np.zeros(grey.nbytes + 1, np.uint8)[1:].view(np.uint16).reshape(grey.shape)
    apart[:] = grey
    assert_equal(model.inspect(apart), model.inspect(grey))


def test_bytes_are_taken_from_whatever_has_some(model, tmp_path, rgb):
    write_ppm(tmp_path / "a.ppm", rgb)
    data = (tmp_path / "a.ppm").read_bytes()
    for same in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert_equal(model.inspect_bytes(same), model.inspect(rgb))
    with pytest.raises(anoseg.ArgumentError, match="str has no bytes"):
        model.inspect_bytes("a.ppm")


def test_everything_has_a_help_text():
    for thing in (anoseg.Model, anoseg.Inspection, anoseg.Region, anoseg.Thresholds):
        assert thing.__doc__
        for name in dir(thing):
            assert name.startswith("_") or getattr(thing, name).__doc__, name
    assert all(getattr(anoseg, name).__doc__ for name in anoseg.__all__ if not name.startswith("_"))
