//! NVIDIA's client of the protocol, `tritonclient`, against the server. `ANOSEG_PYTHON` names the
//! interpreter (otherwise `python3`); without the packages `tritonclient` and `numpy` nothing is
//! tested.

use std::process::Command;

use crate::common::{Running, Shop, image, model, model_with_threshold, png};

/// Prints nothing but what differs. Arguments: protocol, address, folder of the image's file, its raw pixels and its
/// map, width and height, score.
const CLIENT: &str = r#"
import sys, json, importlib, numpy as np
from tritonclient.utils import InferenceServerException
protocol, address, folder, width, height, score = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
triton, over_http = importlib.import_module('tritonclient.' + protocol), protocol == 'http'
client = triton.InferenceServerClient(address)
# Over gRPC answers are messages; as JSON they have the same names.
json_of = {} if over_http else {'as_json': True}
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready('part') and client.is_model_ready('part', '1') and not client.is_model_ready('part', '9')
assert client.get_server_metadata(**json_of)['name'] == 'anoseg'
metadata = client.get_model_metadata('part', **json_of)
assert metadata['versions'] == ['1', '2'], metadata
assert [i['name'] for i in metadata['inputs']] == ['image', 'image_bytes'], metadata
expected = np.fromfile(folder + '/map.bin', np.float32).reshape(1, height, width)
pixels = np.fromfile(folder + '/pixels.bin', np.uint8).reshape(1, height, width, 3)
file = np.array([open(folder + '/image.png', 'rb').read()], dtype=np.object_)
for name, datatype, data in [('image', 'UINT8', pixels), ('image_bytes', 'BYTES', file)]:
    for form in [{'binary_data': True}, {'binary_data': False}] if over_http else [{}]:
        if name == 'image_bytes' and form.get('binary_data') is False:
            continue
        given = triton.InferInput(name, data.shape, datatype)
        given.set_data_from_numpy(data, **form)
        for outputs in [None, [triton.InferRequestedOutput(n, **form) for n in ['score', 'anomaly_map', 'decision', 'regions']]]:
            result = client.infer('part', [given], model_version='1', outputs=outputs, request_id='r')
            answer = result.get_response(**json_of)
            assert answer['model_version'] == '1' and answer['id'] == 'r'
            assert np.array_equal(result.as_numpy('anomaly_map'), expected)
            assert abs(result.as_numpy('score')[0] - score) < 1e-7
            decision = result.as_numpy('decision')[0]
            assert (decision if isinstance(decision, str) else decision.decode()) == 'review', decision
            regions = json.loads(result.as_numpy('regions')[0])
            assert regions[0]['box'][2] > 0
two = triton.InferInput('image', [2, height, width, 3], 'UINT8')
two.set_data_from_numpy(np.concatenate([pixels, pixels]))
assert client.infer('part', [two]).as_numpy('anomaly_map').shape == (2, height, width)
if over_http:
    found = client.async_infer('part', [two]).get_result()
else:
    import queue
    answers = queue.Queue()
    client.async_infer('part', [two], callback=lambda result, error: answers.put((result, error)))
    found, error = answers.get(timeout=60)
    assert error is None, error
assert found.as_numpy('score').shape == (2,)
wrong = triton.InferInput('image', [1, 4, 4], 'UINT8')
wrong.set_data_from_numpy(np.zeros([1, 4, 4], np.uint8))
try:
    client.infer('part', [wrong])
    raise SystemExit('a wrong shape was taken')
except InferenceServerException as error:
    assert 'shape of image' in error.message(), error
statistics = client.get_inference_statistics('part', '1', **json_of)['model_stats'][0]
assert int(statistics['inference_count']) >= 4, statistics
assert int(statistics['inference_stats']['fail'].get('count', 0)) == 0, statistics
index = client.get_model_repository_index(**json_of)
index = index if over_http else index['models']
assert [(e['name'], e['version'], e['state']) for e in index] == [('part', '1', 'READY'), ('part', '2', 'READY')], index
client.unload_model('part')
assert not client.is_model_ready('part')
client.load_model('part')
assert client.is_model_ready('part')
if not over_http:
    config = client.get_model_config('part', as_json=True)['config']
    assert [i['name'] for i in config['input']] == ['image', 'image_bytes'] and config['input'][1]['data_type'] == 'TYPE_STRING', config
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    try:
        client.async_stream_infer('part', [two])
    except InferenceServerException:
        pass  # the stream was refused already, which the callback tells
    found, error = answers.get(timeout=60)
    assert found is None and 'ModelStreamInfer' in error.message(), error
    client.stop_stream()
    try:
        client.infer('other', [two])
        raise SystemExit('an unknown model was taken')
    except InferenceServerException as error:
        assert error.status() == 'StatusCode.NOT_FOUND', error
"#;

fn python() -> Option<String> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import tritonclient.http, tritonclient.grpc, numpy"])
        .output()
        .ok()?;
    if !found.status.success() {
        println!("skipped: {python} has no tritonclient[http,grpc] and numpy");
    }
    found.status.success().then_some(python)
}

#[test]
fn the_client_of_triton_works_unchanged() {
    let Some(python) = python() else { return };
    let shop = Shop::new();
    shop.add("part", 2, &model_with_threshold(0.9));
    let server = Running::new(shop.settings_with_grpc());
    let image = image();
    let found = model().inspect(&image).unwrap();
    let map: Vec<u8> = found.map.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(shop.path("map.bin"), map).unwrap();
    std::fs::write(shop.path("pixels.bin"), image.to_rgb8()).unwrap();
    std::fs::write(shop.path("image.png"), png()).unwrap();
    let (width, height) = (image.width().to_string(), image.height().to_string());
    let (score, folder) = (found.score.to_string(), shop.path("").display().to_string());
    for (protocol, address) in [("http", server.address), ("grpc", server.grpc.unwrap())] {
        let output = Command::new(&python)
            .args(["-c", CLIENT, protocol, &address.to_string(), &folder, &width, &height, &score])
            .output()
            .unwrap();
        assert!(output.status.success(), "{protocol}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
