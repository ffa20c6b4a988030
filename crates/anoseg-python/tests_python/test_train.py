"""Training, evaluation, calibration, export and the program."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import anoseg
from conftest import program


def test_a_training_tells_its_progress_and_gives_the_model(good_parts, tiny, tmp_path):
    told = []
    model = anoseg.train(good_parts, tmp_path / "part.anoseg", config=tiny, steps=3, seed=5, on_progress=told.append)
    assert [event["step"] for event in told if event["event"] == "step"] == [1, 2, 3]
    assert told[-1]["event"] in ("judged", "suspects") and any(event["event"] == "loaded" for event in told)
    assert all(event["loss"] > 0 and event["total"] == 3 for event in told if event["event"] == "step")
    assert model.path == tmp_path / "part.anoseg" and model.thresholds is not None
    assert model.description["provenance"]["seed"] == 5
    assert model.inspect_file(good_parts / "test/good/0.ppm").map.shape == (32, 32)
    again = anoseg.train(good_parts, tmp_path / "again.anoseg", config=tiny, steps=3, seed=5)
    assert again.inspect_file(good_parts / "test/spot/0.ppm").score == model.inspect_file(
        good_parts / "test/spot/0.ppm"
    ).score


def test_a_training_is_that_of_the_program(good_parts, tiny, trained, tmp_path):
    done = program("train", good_parts, "--config", tiny, "--steps", "2", "--output", tmp_path / "part.anoseg")
    assert done.returncode == 0, done.stderr
    image = good_parts / "test/spot/0.ppm"
    one, other = (anoseg.Model.load(path).inspect_file(image) for path in (trained, tmp_path / "part.anoseg"))
    assert one.score == other.score and one.map.tobytes() == other.map.tobytes()


def test_an_exception_of_the_callback_ends_the_training(good_parts, tiny, tmp_path):
    def refuse(event: dict) -> None:
        if event["event"] == "step":
            raise LookupError(event["step"])

    with pytest.raises(LookupError):
        anoseg.train(good_parts, tmp_path / "part.anoseg", config=tiny, steps=1_000_000, on_progress=refuse)
    assert not (tmp_path / "part.anoseg").exists()


def test_wrong_arguments_of_a_training_are_told(good_parts, tiny, tmp_path):
    output = tmp_path / "part.anoseg"
    with pytest.raises(anoseg.ArgumentError, match="not both"):
        anoseg.train(good_parts, output, minutes=1, steps=1)
    with pytest.raises(anoseg.ArgumentError, match="accurate"):
        anoseg.train(good_parts, output, preset="best")
    with pytest.raises(anoseg.ArgumentError):
        anoseg.train(good_parts, output, minutes=-1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(anoseg.DataError, match="empty"):
        anoseg.train(tmp_path / "empty", output, config=tiny, steps=1)
    output.write_text("my notes")
    with pytest.raises(anoseg.ArgumentError, match="would be lost"):
        anoseg.train(good_parts, output, config=tiny, steps=1)
    assert output.read_text() == "my notes"


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_ctrl_c_ends_a_training_with_a_checkpoint(good_parts, tiny, tmp_path):
    script = textwrap.dedent(
        """
        import sys, anoseg
        data, output, config = sys.argv[1:]
        def tell(event):
            if event["event"] == "step":
                print("step", flush=True)
        try:
            anoseg.train(data, output, config=config, steps=10_000_000, on_progress=tell)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            sys.exit(7)
        """
    )
    command = [sys.executable, "-c", script, good_parts, tmp_path / "part.anoseg", tiny]
    # A shell starts what runs in its background with the signal ignored, and Python then leaves it so.
    heeded = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=heeded, **pipes) as process:
        assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 7 and stdout.endswith("interrupted\n"), stderr
    assert (tmp_path / "part-run/checkpoint").is_dir() and not (tmp_path / "part.anoseg").exists()


def test_figures_are_those_of_the_program(good_parts, trained, tmp_path):
    figures = anoseg.evaluate(anoseg.Model.load(trained), good_parts, report=tmp_path / "report.html")
    done = program("eval", trained, good_parts, "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    known = json.loads((tmp_path / "figures.json").read_text())
    times = {"seconds_per_image", "milliseconds", "seconds"}
    assert {name: value for name, value in figures.items() if name not in times} == {
        name: value for name, value in known.items() if name not in times
    }
    assert "<html" in (tmp_path / "report.html").read_text()
    with pytest.raises(anoseg.DataError):
        anoseg.evaluate(anoseg.Model.load(trained), good_parts / "train/good")


def test_a_calibration_gives_other_thresholds(good_parts, trained, tmp_path):
    output = tmp_path / "calibrated.anoseg"
    model = anoseg.calibrate(trained, good_parts / "test/good", output, false_reject=0.05)
    assert model.path == output and model.digest != anoseg.Model.load(trained).digest
    assert len(model.description["calibration"]["normal_scores"]) == 6
    again = anoseg.calibrate(anoseg.Model.load(trained), good_parts / "test/good", output, false_reject=0.05)
    assert again.thresholds == model.thresholds
    with pytest.raises(anoseg.ArgumentError, match="1.5"):
        anoseg.calibrate(trained, good_parts / "test/good", output, false_reject=1.5)
    with pytest.raises(anoseg.ModelError):
        anoseg.calibrate(good_parts / "test/good/0.ppm", good_parts / "test/good", output)


def test_a_model_is_exported_as_by_the_program(trained, tmp_path):
    assert anoseg.export(trained, tmp_path / "part.onnx", preprocessing=True) == []
    done = program("export", trained, "--onnx", tmp_path / "other.onnx", "--with-preprocessing")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "part.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
    anoseg.export(trained, tmp_path / "half.onnx", fp16=True)
    assert (tmp_path / "half.onnx").stat().st_size < (tmp_path / "part.onnx").stat().st_size
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(anoseg.ArgumentError, match="notes.txt"):
        anoseg.export(trained, tmp_path / "notes.txt")


def test_the_program_gives_its_exit_codes(tmp_path):
    done = program("--version")
    assert (done.returncode, done.stdout) == (0, f"anoseg {anoseg.__version__}\n")
    assert program("train").returncode == 2
    done = program("info", tmp_path / "gone.anoseg")
    assert done.returncode == 2 and done.stderr.startswith("error: ")


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_program_with_its_exit_code(good_parts, tiny, tmp_path, number):
    command = [sys.executable, "-m", "anoseg", "train", good_parts, "--config", tiny, "--steps", "10000000"]
    command += ["--output", tmp_path / "part.anoseg"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        log = tmp_path / "part-run/metrics.jsonl"
        deadline = time.monotonic() + 60
        while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in stderr, stderr
    assert "-m anoseg" not in stderr and "Traceback" not in stderr


def test_a_model_whose_file_is_another_is_not_calibrated(trained, model_path, good_parts, tmp_path):
    path = tmp_path / "part.anoseg"
    shutil.copy(trained, path)
    model = anoseg.Model.load(path)
    shutil.copy(model_path, path)
    with pytest.raises(anoseg.ModelError, match="another model"):
        anoseg.calibrate(model, good_parts / "test/good", tmp_path / "new.anoseg")


def test_what_the_folder_of_the_process_holds_is_not_imported(trained, good_parts, tmp_path, monkeypatch):
    (tmp_path / "anoseg.py").write_text("raise SystemExit(0)")
    (tmp_path / "json.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    model = anoseg.calibrate(str(trained).encode(), good_parts / "test/good", b"new.anoseg")
    assert (tmp_path / "new.anoseg").is_file() and model.thresholds


def test_a_calibration_that_cannot_be_done_says_whose_fault_it_is(trained, good_parts, tmp_path):
    good = good_parts / "test/good"
    with pytest.raises(anoseg.ResourceError, match="gone"):
        anoseg.calibrate(tmp_path / "gone.anoseg", good, tmp_path / "new.anoseg")
    with pytest.raises(anoseg.ResourceError):
        anoseg.calibrate(trained, good, "/proc/new.anoseg")
    with pytest.raises(anoseg.ArgumentError, match="false_reject"):
        anoseg.calibrate(trained, good, tmp_path / "new.anoseg", false_reject=1.5)
    with pytest.raises(anoseg.DataError, match="nowhere"):
        anoseg.calibrate(trained, tmp_path / "nowhere", tmp_path / "new.anoseg")


def test_a_model_is_given_as_such_or_by_its_file(trained, good_parts, tmp_path):
    model = anoseg.Model.load(trained)
    figures = [anoseg.evaluate(given, good_parts) for given in (trained, model)]
    assert figures[0].pop("seconds_per_image") > 0 < figures[1].pop("seconds_per_image")
    assert figures[0] == figures[1]
    anoseg.export(model, tmp_path / "a.onnx")
    anoseg.export(trained, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_program_can_start_itself_again(tmp_path):
    from anoseg._starter import starter

    (tmp_path / "anoseg.py").write_text("raise SystemExit(1)")
    done = subprocess.run([*starter(), "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == f"anoseg {anoseg.__version__}"
