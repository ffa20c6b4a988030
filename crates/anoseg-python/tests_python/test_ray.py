"""Ray on this machine."""

import json
import os

import numpy as np
import pytest

import anoseg
from conftest import pixels, program, write_ppm

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="the package ray[data] is not installed")


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def rows(dataset) -> dict:
    return {row["image"]: row for row in dataset.take_all()}


@pytest.mark.usefixtures("cluster")
class TestOnACluster:
    def test_verdicts_are_those_of_predict(self, model_path, tmp_path):
        import anoseg.ray

        folder = tmp_path / "images"
        folder.mkdir()
        for number in range(9):
            write_ppm(folder / f"{number}.ppm", pixels(40 + number, 30))
        (folder / "no image.png").write_bytes(b"no image")
        done = program("predict", model_path, folder, "-o", tmp_path / "out")
        assert done.returncode == 3, done.stderr
        lines = (tmp_path / "out/verdicts.jsonl").read_text().splitlines()
        expected = {verdict["image"]: verdict for verdict in map(json.loads, lines)}
        found = rows(anoseg.ray.inspect(folder, model_path, actors=2, batch_size=4))
        assert found.keys() == expected.keys()
        for name, row in found.items():
            assert list(row) == anoseg.ray.VERDICT.names
            for column in row:
                same = expected[name][column]
                if column == "score" and same is not None:
                    same = float(np.float32(same))
                if column == "regions":
                    for region in same:
                        region["peak"] = float(np.float32(region["peak"]))
                assert row[column] == same, (name, column)

    def test_a_dataset_with_bytes_is_inspected_and_written(self, model, tmp_path):
        import anoseg.ray

        write_ppm(tmp_path / "a.ppm", pixels(80, 60))
        images = ray.data.from_items([{"path": f"s3://line/{n}", "bytes": (tmp_path / "a.ppm").read_bytes()} for n in "ab"])
        anoseg.ray.inspect(images, model).write_parquet(tmp_path / "verdicts")
        found = rows(ray.data.read_parquet(str(tmp_path / "verdicts")))
        assert sorted(found) == ["s3://line/a", "s3://line/b"]
        assert found["s3://line/a"]["model_digest"] == model.digest
        assert found["s3://line/b"]["regions"] == found["s3://line/a"]["regions"] != []

    def test_products_are_trained_and_one_that_fails_stops_no_other(self, good_parts, tiny, tmp_path):
        import anoseg.ray

        products = {"lid": good_parts, "none": tmp_path / "nowhere", "cap": good_parts}
        trained = anoseg.ray.train(products, tmp_path / "models", cpus=1, config=str(tiny), steps=2)
        done = {one.product: one for one in trained}
        assert done.keys() == products.keys()
        assert done["none"].path is None
        assert done["none"].error.startswith("DataError: ") and "nowhere" in done["none"].error
        for name in ("lid", "cap"):
            assert done[name].error is None
            assert anoseg.Model.load(done[name].path).digest == done[name].digest
        # The same as in this process, at another number of threads. Digests also know when a model was trained.
        here = anoseg.train(good_parts, tmp_path / "here.anoseg", config=tiny, steps=2)
        there = anoseg.Model.load(done["lid"].path)
        assert there.inspect(pixels(40, 30)).map.tobytes() == here.inspect(pixels(40, 30)).map.tobytes()

    def test_what_cannot_be_sent_is_refused_at_once(self, model, model_path, tmp_path):
        import anoseg.ray

        with pytest.raises(anoseg.ArgumentError, match="from bytes"):
            anoseg.ray.inspect(tmp_path, anoseg.Model.from_bytes(model_path.read_bytes()))
        with pytest.raises(anoseg.ResourceError, match="gone.anoseg"):
            anoseg.ray.inspect(tmp_path, tmp_path / "gone.anoseg")
        with pytest.raises(anoseg.ArgumentError, match="actors"):
            anoseg.ray.inspect(tmp_path, model, actors=0)
        with pytest.raises(anoseg.ArgumentError, match="file"):
            anoseg.ray.train({"../lid": tmp_path}, tmp_path)
        with pytest.raises(anoseg.ArgumentError, match="on_progress"):
            anoseg.ray.train({"lid": tmp_path}, tmp_path, on_progress=print)
