//! NVIDIA's client of the protocol, `tritonclient`, against the server. `ANOSEG_PYTHON` names the
//! interpreter (otherwise `python3`); without the packages `tritonclient` and `numpy` nothing is
//! tested.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

mod common;

use std::process::Command;

use common::{Shop, image, model, model_with_threshold, png};

/// Prints nothing but what differs. Arguments: address, the image's file, its raw pixels, width and
/// height, score, map.
const CLIENT: &str = r#"
import sys, json, numpy as np, tritonclient.http as http
from tritonclient.utils import InferenceServerException
address, folder, width, height, score = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
client = http.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready('part') and client.is_model_ready('part', '1') and not client.is_model_ready('part', '9')
assert client.get_server_metadata()['name'] == 'anoseg'
metadata = client.get_model_metadata('part')
assert metadata['versions'] == ['1', '2'], metadata
assert [i['name'] for i in metadata['inputs']] == ['image', 'image_bytes'], metadata
expected = np.fromfile(folder + '/map.bin', np.float32).reshape(1, height, width)
pixels = np.fromfile(folder + '/pixels.bin', np.uint8).reshape(1, height, width, 3)
file = np.array([open(folder + '/image.png', 'rb').read()], dtype=np.object_)
for name, datatype, data in [('image', 'UINT8', pixels), ('image_bytes', 'BYTES', file)]:
    for binary in [True, False]:
        if name == 'image_bytes' and not binary:
            continue
        given = http.InferInput(name, data.shape, datatype)
        given.set_data_from_numpy(data, binary_data=binary)
        for outputs in [None, [http.InferRequestedOutput(n, binary_data=binary) for n in ['score', 'anomaly_map', 'decision', 'regions']]]:
            result = client.infer('part', [given], model_version='1', outputs=outputs, request_id='r')
            assert result.get_response()['model_version'] == '1' and result.get_response()['id'] == 'r'
            assert np.array_equal(result.as_numpy('anomaly_map'), expected)
            assert abs(result.as_numpy('score')[0] - score) < 1e-7
            decision = result.as_numpy('decision')[0]
            assert (decision if isinstance(decision, str) else decision.decode()) == 'review', decision
            regions = json.loads(result.as_numpy('regions')[0])
            assert regions[0]['box'][2] > 0
two = http.InferInput('image', [2, height, width, 3], 'UINT8')
two.set_data_from_numpy(np.concatenate([pixels, pixels]))
assert client.infer('part', [two]).as_numpy('anomaly_map').shape == (2, height, width)
handle = client.async_infer('part', [two])
assert handle.get_result().as_numpy('score').shape == (2,)
wrong = http.InferInput('image', [1, 4, 4], 'UINT8')
wrong.set_data_from_numpy(np.zeros([1, 4, 4], np.uint8))
try:
    client.infer('part', [wrong])
    raise SystemExit('a wrong shape was taken')
except InferenceServerException as error:
    assert 'shape of image' in error.message(), error
statistics = client.get_inference_statistics('part', '1')['model_stats'][0]
assert statistics['inference_count'] >= 6 and statistics['inference_stats']['fail']['count'] == 0, statistics
index = client.get_model_repository_index()
assert [(e['name'], e['version'], e['state']) for e in index] == [('part', '1', 'READY'), ('part', '2', 'READY')], index
client.unload_model('part')
assert not client.is_model_ready('part')
client.load_model('part')
assert client.is_model_ready('part')
"#;

fn python() -> Option<String> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import tritonclient.http, numpy"]).output().ok()?;
    if !found.status.success() {
        println!("skipped: {python} has no tritonclient[http] and numpy");
    }
    found.status.success().then_some(python)
}

#[test]
fn the_client_of_triton_works_unchanged() {
    let Some(python) = python() else { return };
    let shop = Shop::new();
    shop.add("part", 2, &model_with_threshold(0.9));
    let server = shop.start();
    let image = image();
    let found = model().inspect(&image).unwrap();
    let map: Vec<u8> = found.map.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(shop.path("map.bin"), map).unwrap();
    std::fs::write(shop.path("pixels.bin"), image.to_rgb8()).unwrap();
    std::fs::write(shop.path("image.png"), png()).unwrap();
    let (width, height) = (image.width().to_string(), image.height().to_string());
    let (address, score) = (server.address.to_string(), found.score.to_string());
    let folder = shop.path("").display().to_string();
    let output = Command::new(python)
        .args(["-c", CLIENT, &address, &folder, &width, &height, &score])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
