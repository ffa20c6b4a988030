//! The Open Inference Protocol: what is asked is answered, and every malformed request by a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::common::{Answer, Running, Shop, image, large_png, model, model_with_threshold, png};

const INFER: &str = "/v2/models/part/infer";

/// A request with its JSON, and bytes behind it.
fn infer(server: &Running, request: &Value, binary: &[u8]) -> Answer {
    let mut body = serde_json::to_vec(request).unwrap();
    let length = body.len().to_string();
    body.extend(binary);
    let headers = [("inference-header-content-length", length.as_str())];
    server.post(INFER, if binary.is_empty() { &[] } else { &headers }, &body)
}

/// The pixels of the test image as bytes, and its width and height.
fn pixels() -> (Vec<u8>, usize, usize) {
    let image = image();
    (image.to_rgb8(), image.width(), image.height())
}

fn element(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

#[test]
fn statistics_count_requests_and_images() {
    let server = Shop::new().start();
    let files = element(&png()).repeat(3);
    let parameters = json!({ "binary_data_size": files.len() });
    let input = json!({ "name": "image_bytes", "datatype": "BYTES", "shape": [3], "parameters": parameters });
    assert_eq!(infer(&server, &json!({ "inputs": [input] }), &files).status, 200);
    assert_eq!(server.post("/v1/models/part/predict", &[], &png()).status, 200);
    assert_eq!(server.post(INFER, &[], b"{}").status, 400);
    for path in ["/v2/models/stats", "/v2/models/part/stats", "/v2/models/part/versions/1/stats"] {
        let json = server.get(path).json();
        let stats = &json["model_stats"][0];
        assert_eq!((&stats["name"], &stats["version"]), (&json!("part"), &json!("1")));
        assert_eq!(stats["inference_count"], 4);
        assert!(stats["last_inference"].as_u64() > Some(1_700_000_000_000));
        let count = |name: &str| stats["inference_stats"][name]["count"].as_u64().unwrap();
        let counts =
            ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output"].map(count);
        assert_eq!(counts, [2, 1, 3, 4, 4, 2], "{path}");
    }
    assert_eq!(server.get("/v2/models/other/stats").status, 404);
}

/// The output of this name.
fn output<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["outputs"].as_array().unwrap().iter().find(|output| output["name"] == name).unwrap()
}

#[test]
fn health_and_metadata_are_told() {
    let (shop, model) = (Shop::new(), model());
    shop.add("part", 3, &model);
    let server = shop.start();
    for path in ["/healthz", "/v2/health/live", "/v2/health/ready", "/v2/models/part/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let about = server.get("/v2").json();
    assert_eq!(about["name"], "anoseg");
    assert_eq!(about["extensions"], json!(["binary_tensor_data", "model_repository", "statistics"]));
    let metadata = server.get("/v2/models/part").json();
    assert_eq!(metadata["versions"], json!(["1", "3"]));
    assert_eq!(metadata["parameters"]["version"], "3");
    assert_eq!(metadata["parameters"]["digest"], model.digest().unwrap());
    let image = json!({ "name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3] });
    assert_eq!(
        metadata["inputs"],
        json!([image, { "name": "image_bytes", "datatype": "BYTES", "shape": [-1] }])
    );
    assert_eq!(metadata["outputs"].as_array().unwrap().len(), 4);
    assert_eq!(server.get("/v2/models/part/versions/1").json()["parameters"]["version"], "1");
    assert_eq!(server.get("/v2/models/part/versions/1/ready").status, 200);
    for path in [
        "/v2/models/other",
        "/v2/models/other/ready",
        "/v2/models/part/versions/2",
        "/v2/models/part/versions/01/ready",
        "/v2/models/part/versions/x",
        "/v2/models/..%2Fmodels%2Fpart",
        "/v2/models/%2e%2e/ready",
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_model"), "{path}");
    }
    assert_eq!(server.get("/nothing").code(), "not_found");
    assert_eq!(server.get(INFER).code(), "method_not_allowed");
    assert_eq!(server.get(INFER).header("allow"), Some("POST"));
}

#[test]
fn pixels_and_files_as_json_and_bytes_give_the_results_of_the_library() {
    let server = Shop::new().start();
    let found = model().inspect(&image()).unwrap();
    let (rgb, width, height) = pixels();
    let image = |extra: Value| {
        let mut input = json!({ "name": "image", "datatype": "UINT8", "shape": [1, height, width, 3] });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "id": "a 1", "inputs": [input] })
    };
    let file = |extra: Value| {
        let mut input = json!({ "name": "image_bytes", "datatype": "BYTES", "shape": [1] });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "id": "a 1", "inputs": [input] })
    };
    let nested: Vec<Vec<&[u8]>> = rgb.chunks(3 * width).map(|row| row.chunks(3).collect()).collect();
    let element = element(&png());
    let requests = [
        (image(json!({ "data": rgb })), Vec::new()),
        (image(json!({ "data": [nested] })), Vec::new()),
        (image(json!({ "parameters": { "binary_data_size": rgb.len() } })), rgb.clone()),
        (file(json!({ "data": [STANDARD.encode(png())] })), Vec::new()),
        (file(json!({ "parameters": { "binary_data_size": element.len() } })), element),
    ];
    for (request, binary) in requests {
        let answer = infer(&server, &request, &binary);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        assert_eq!((&json["model_name"], &json["model_version"]), (&json!("part"), &json!("1")));
        assert_eq!(json["id"], "a 1");
        let map = output(&json, "anomaly_map");
        assert_eq!((&map["datatype"], &map["shape"]), (&json!("FP32"), &json!([1, height, width])));
        let values: Vec<f32> = serde_json::from_value(map["data"].clone()).unwrap();
        assert_eq!(values, found.map.as_slice());
        let score: Vec<f32> = serde_json::from_value(output(&json, "score")["data"].clone()).unwrap();
        assert_eq!(score, [found.score]);
        assert_eq!(output(&json, "decision")["data"], json!(["review"]));
        let regions = output(&json, "regions")["data"][0].as_str().unwrap();
        let regions: Vec<Value> = serde_json::from_str(regions).unwrap();
        assert_eq!(regions.len(), found.regions.len());
        let region = &found.regions[0];
        assert_eq!(regions[0]["box"], json!([region.x, region.y, region.width, region.height]));
    }
}

#[test]
fn outputs_are_those_that_were_asked_for_and_bytes_where_wanted() {
    let server = Shop::new().start();
    let found = model().inspect(&image()).unwrap();
    let files = [element(&png()), element(&large_png(80))].concat();
    let input = json!({
        "name": "image_bytes", "datatype": "BYTES", "shape": [2], "parameters": { "binary_data_size": files.len() }
    });
    let request = json!({
        "inputs": [input],
        "parameters": { "binary_data_output": true },
        "outputs": [
            { "name": "score" }, { "name": "decision" }, { "name": "regions", "parameters": { "binary_data": false } }
        ],
    });
    let answer = infer(&server, &request, &files);
    assert_eq!(answer.status, 200, "{answer:?}");
    let length: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
    let (json, bytes) = answer.body.split_at(length);
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(output(&json, "score")["parameters"]["binary_data_size"], 8);
    assert_eq!(bytes[..4], found.score.to_le_bytes());
    assert_eq!(bytes[8..18], element(b"review"));
    assert_eq!(output(&json, "regions")["data"].as_array().unwrap().len(), 2);
    // Maps of two sizes are no tensor.
    let request = json!({ "inputs": [input], "outputs": [{ "name": "anomaly_map" }] });
    let answer = infer(&server, &request, &files);
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"));
    // Two images of one size are one.
    let files = [element(&png()), element(&png())].concat();
    let input = json!({
        "name": "image_bytes", "datatype": "BYTES", "shape": [2, 1], "parameters": { "binary_data_size": files.len() }
    });
    let request = json!({ "inputs": [input], "outputs": [{ "name": "anomaly_map" }] });
    let json = infer(&server, &request, &files).json();
    assert_eq!(output(&json, "anomaly_map")["shape"][0], 2);
}

#[test]
fn a_version_can_be_chosen_and_the_highest_is_the_default() {
    let shop = Shop::new();
    shop.add("part", 2, &model_with_threshold(0.0001));
    let server = shop.start();
    let request = json!({
        "inputs": [{ "name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [STANDARD.encode(png())] }],
        "outputs": [{ "name": "decision" }],
    });
    let body = request.to_string();
    let decision = |path: &str| {
        let json = server.post(path, &[], body.as_bytes()).json();
        (json["model_version"].clone(), output(&json, "decision")["data"][0].clone())
    };
    assert_eq!(decision(INFER), (json!("2"), json!("reject")));
    assert_eq!(decision("/v2/models/part/versions/2/infer"), (json!("2"), json!("reject")));
    assert_eq!(decision("/v2/models/part/versions/1/infer"), (json!("1"), json!("review")));
}

#[test]
fn malformed_requests_are_told_what_is_wrong() {
    let server = Shop::new().start();
    let one = |input: &str| format!(r#"{{"inputs":[{input}]}}"#);
    let image = |shape: &str, data: &str| {
        one(&format!(r#"{{"name":"image","datatype":"UINT8","shape":{shape},"data":{data}}}"#))
    };
    let file = |shape: &str, data: &str| {
        one(&format!(r#"{{"name":"image_bytes","datatype":"BYTES","shape":{shape},"data":{data}}}"#))
    };
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let requests = [
        ("", "no JSON"),
        ("[]", "no JSON"),
        ("{}", "no JSON"),
        (r#"{"inputs":[]}"#, "one input"),
        (r#"{"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[]}]}"#, "image and image_bytes"),
        (r#"{"inputs":[{"name":"image","datatype":"FP32","shape":[1,8,8,3],"data":[]}]}"#, "UINT8"),
        (r#"{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,8,8,3]}]}"#, "either data"),
        (&image("[1,8,8]", "[]"), "shape of image"),
        (&image("[1,8,8,1]", "[]"), "shape of image"),
        (&image("[-1,8,8,3]", "[]"), "no JSON"),
        (&image("[0,8,8,3]", "[]"), "at least one"),
        (&image("[1,0,8,3]", "[]"), "sides"),
        (&image("[1,65536,65536,3]", "[]"), "sides"),
        (&image("[18446744073709551615,8,8,3]", "[]"), "at most 32 images"),
        (&image("[32,65535,65535,3]", "[1]"), "there are 1"),
        (&image("[1,8,8,3]", "[1,2,3]"), "there are 3"),
        (&image("[1,1,1,3]", "[1,2,3]"), "1 x 1"),
        (&image("[1,8,8,3]", "[256]"), "0 to 255"),
        (&image("[1,8,8,3]", "[-1]"), "integer"),
        (&image("[1,8,8,3]", "[1.5]"), "integer"),
        (&image("[1,8,8,3]", "[NaN]"), "no JSON"),
        (&image("[1,8,8,3]", "\"text\""), "integers"),
        (&image("[1,8,8,3]", "null"), "either data"),
        (&image("[1,1,1,3]", "[1,2,3,4]"), "more numbers"),
        (&image("[1,8,8,3]", &deep), "recursion"),
        (&file("[1]", "[1]"), "Base64"),
        (&file("[1]", "[\"?\"]"), "Base64"),
        (&file("[2]", "[\"AAAA\"]"), "there are 1"),
        (&file("[1]", "[\"AAAA\"]"), "image 0"),
        (&file("[1]", "[\"\"]"), "empty"),
        (&file("[]", "[]"), "shape of image_bytes"),
        (&file("[33]", "[]"), "at most 32"),
    ];
    for (request, part) in requests {
        let answer = server.post(INFER, &[("x-request-id", "my-id")], request.as_bytes());
        let text = answer.text();
        assert!((400..500).contains(&answer.status), "{request}: {text}");
        assert!(text.contains(part), "{request:.200}: {text}");
        assert_eq!(answer.json()["request_id"], "my-id");
        assert_eq!(answer.header("x-request-id"), Some("my-id"));
    }
    assert!(server.figure("anoseg_failures_total", "bad_request") >= 20.0);
}

#[test]
fn malformed_bytes_behind_the_json_are_told_as_well() {
    let server = Shop::new().start();
    let request = |size: usize, outputs: &str| {
        let input = format!(
            r#"{{"name":"image_bytes","datatype":"BYTES","shape":[1],"parameters":{{"binary_data_size":{size}}}}}"#
        );
        serde_json::from_str::<Value>(&format!(r#"{{"inputs":[{input}],"outputs":{outputs}}}"#)).unwrap()
    };
    let good = element(&png());
    for (request, bytes, part) in [
        (request(3, "[]"), &good[..5], "5 bytes follow"),
        (request(5, "[]"), &[255, 255, 255, 255, 0][..], "lengths"),
        (request(3, "[]"), &[1, 0, 0][..], "lengths"),
        (request(good.len(), r#"[{"name":"other"}]"#), &good[..], "outputs of a model"),
        (request(good.len(), r#"[{"name":"score"},{"name":"score"}]"#), &good[..], "at most once"),
        (
            request(good.len(), r#"[{"name":"score","parameters":{"binary_data":1}}]"#),
            &good[..],
            "true or false",
        ),
        (
            request(good.len(), r#"[{"name":"score","parameters":{"shared_memory_region":"a"}}]"#),
            &good[..],
            "memory",
        ),
    ] {
        let answer = infer(&server, &request, bytes);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    for length in ["-1", "x", "99999999999999999999999", "4000000000"] {
        let answer = server.post(INFER, &[("Inference-Header-Content-Length", length)], b"{}");
        assert_eq!(answer.status, 400, "{length}");
    }
    let gzip = server.post(INFER, &[("content-encoding", "gzip")], b"{}");
    assert_eq!((gzip.status, gzip.code().as_str()), (415, "content_encoding"));
}

#[test]
fn the_images_of_a_request_have_a_limit_together() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.limits.max_pixels = 80 * 56 + 1;
    let server = Running::new(settings);
    let status = |count: usize| {
        let files = element(&png()).repeat(count);
        let parameters = json!({ "binary_data_size": files.len() });
        let input =
            json!({ "name": "image_bytes", "datatype": "BYTES", "shape": [count], "parameters": parameters });
        infer(&server, &json!({ "inputs": [input] }), &files).status
    };
    assert_eq!((status(1), status(2)), (200, 413));
}
