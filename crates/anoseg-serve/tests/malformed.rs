//! Random requests: routes x methods x headers x bodies x tensors. None is answered with 5xx, none ends
//! the process.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::LazyLock;

use anoseg_serve::{Server, Settings};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use common::{Shop, png};

/// Requests of a run; `PROPTEST_CASES` asks for more.
const REQUESTS: u32 = 4000;

struct Trial {
    runtime: Runtime,
    router: Router,
    _shop: Shop,
}

static TRIAL: LazyLock<Trial> = LazyLock::new(|| {
    let shop = Shop::new();
    let mut settings: Settings = shop.settings();
    (settings.most_body, settings.most_images) = (1 << 20, 4);
    let server = Server::bind(settings).unwrap();
    server.refresh();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    Trial { runtime, router: server.router(), _shop: shop }
});

#[derive(Clone, Debug)]
struct Random {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => Just("part".to_owned()),
        1 => prop::sample::select(vec!["", ".", "..", "%2e%2e", "..%2f..", "%00", "%ff", "%", "1", "01", "-1", "*", "{model}"])
            .prop_map(str::to_owned),
        1 => "[a-z0-9.%+~-]{0,40}",
    ]
}

fn version() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("1".to_owned()), 1 => segment(), 1 => any::<u64>().prop_map(|n| n.to_string())]
}

fn path() -> impl Strategy<Value = String> {
    let fixed = vec![
        "/",
        "/v1",
        "/v2",
        "/v2/",
        "/healthz",
        "/metrics",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/repository/index",
    ];
    let suffix = prop::sample::select(vec![
        "", "/infer", "/ready", "/predict", "/load", "/unload", "/config", "/stats",
    ]);
    let base = prop::sample::select(vec!["/v2/models", "/v1/models", "/v2/repository/models"]);
    prop_oneof![
        1 => prop::sample::select(fixed).prop_map(str::to_owned),
        3 => (segment()).prop_map(|model| format!("/v2/models/{model}/infer")),
        2 => (segment()).prop_map(|model| format!("/v1/models/{model}/predict")),
        2 => (base, segment(), prop::option::of(version()), suffix).prop_map(|(base, model, version, suffix)| {
            let version = version.map_or_else(String::new, |version| format!("/versions/{version}"));
            format!("{base}/{model}{version}{suffix}")
        }),
    ]
}

/// A number as JSON has it, or not.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u8..=255).prop_map(|n| n.to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => prop::sample::select(vec!["NaN", "Infinity", "-0", "1e999", "1.5", "null", "true", "\"1\"", "[]", "{}", "256"])
            .prop_map(str::to_owned),
    ]
}

fn shape() -> impl Strategy<Value = String> {
    let side = prop_oneof![4 => (0_i64..20).prop_map(|n| n.to_string()), 1 => any::<i64>().prop_map(|n| n.to_string()), 1 => number()];
    prop_oneof![
        3 => (1_usize..6, 8_usize..12, 8_usize..12).prop_map(|(n, h, w)| format!("[{n},{h},{w},3]")),
        2 => (0_usize..6).prop_map(|n| format!("[{n}]")),
        2 => prop::collection::vec(side, 0..6).prop_map(|sides| format!("[{}]", sides.join(","))),
    ]
}

/// Data that may or may not fit a shape.
fn data() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0_usize..1200, any::<u8>()).prop_map(|(n, value)| format!("[{}]", vec![value.to_string(); n].join(","))),
        2 => (1_usize..4, 8_usize..12, 8_usize..12)
            .prop_map(|(n, h, w)| format!("[{}]", vec!["7".to_owned(); n * h * w * 3].join(","))),
        2 => prop::collection::vec(number(), 0..30).prop_map(|numbers| format!("[{}]", numbers.join(","))),
        1 => "[A-Za-z0-9+/=]{0,40}".prop_map(|text| format!("[\"{text}\"]")),
        1 => (1_usize..300).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        1 => number(),
    ]
}

fn infer_body() -> impl Strategy<Value = (Vec<u8>, Option<String>)> {
    let name = prop::sample::select(vec!["image", "image_bytes", "other", ""]);
    let datatype = prop::sample::select(vec!["UINT8", "BYTES", "FP32", "INT64", "BOOL", "", "fp32"]);
    let outputs = prop::sample::select(vec![
        "",
        r#","outputs":[]"#,
        r#","outputs":[{"name":"score"}]"#,
        r#","outputs":[{"name":"anomaly_map","parameters":{"binary_data":true}}]"#,
        r#","outputs":[{"name":"x"}]"#,
        r#","outputs":3"#,
        r#","parameters":{"binary_data_output":true}"#,
        r#","parameters":[]"#,
        r#","id":7"#,
    ]);
    let source = prop_oneof![
        2 => data().prop_map(|data| (format!("\"data\":{data}"), Vec::new())),
        1 => (any::<i32>(), prop::collection::vec(any::<u8>(), 0..900))
            .prop_map(|(size, bytes)| (format!("\"parameters\":{{\"binary_data_size\":{size}}}"), bytes)),
        2 => prop::collection::vec(any::<u8>(), 0..900)
            .prop_map(|bytes| (format!("\"parameters\":{{\"binary_data_size\":{}}}", bytes.len()), bytes)),
        1 => (0_usize..100).prop_map(|cut| {
            let file = png();
            let mut bytes = (file.len() as u32).to_le_bytes().to_vec();
            bytes.extend(&file[..file.len() - cut * file.len() / 100]);
            (format!("\"parameters\":{{\"binary_data_size\":{}}}", bytes.len()), bytes)
        }),
    ];
    let length = prop::option::weighted(
        0.1,
        prop::sample::select(vec!["-1", "0", "7", "x", "1000000000000", "18446744073709551616"]),
    );
    (name, datatype, shape(), source, outputs, length).prop_map(|(name, datatype, shape, (source, binary), outputs, length)| {
        let json = format!(r#"{{"inputs":[{{"name":"{name}","datatype":"{datatype}","shape":{shape},{source}}}]{outputs}}}"#);
        let exact = (!binary.is_empty()).then(|| json.len().to_string());
        ([json.into_bytes(), binary].concat(), length.map(str::to_owned).or(exact))
    })
}

/// Pixels that fit their shape.
fn fitting_body() -> impl Strategy<Value = (Vec<u8>, Option<String>)> {
    (1_usize..=4, 8_usize..20, 8_usize..20, any::<u8>(), any::<bool>()).prop_map(
        |(n, h, w, value, binary)| {
            let samples = vec![value; n * h * w * 3];
            let source = if binary {
                format!("\"parameters\":{{\"binary_data_size\":{}}}", samples.len())
            } else {
                format!("\"data\":{samples:?}")
            };
            let json = format!(
                r#"{{"inputs":[{{"name":"image","datatype":"UINT8","shape":[{n},{h},{w},3],{source}}}]}}"#
            );
            let length = binary.then(|| json.len().to_string());
            ([json.into_bytes(), if binary { samples } else { Vec::new() }].concat(), length)
        },
    )
}

fn body() -> impl Strategy<Value = (Vec<u8>, Option<String>)> {
    let with = |bytes: Vec<u8>| (bytes, None);
    prop_oneof![
        4 => infer_body(),
        1 => fitting_body(),
        1 => (prop_oneof![infer_body(), fitting_body()], any::<prop::sample::Index>(), any::<u8>()).prop_map(|((mut bytes, length), at, value)| {
            let at = at.index(bytes.len());
            bytes[at] = value;
            (bytes, length)
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(with),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(move |(at, value)| {
            let mut bytes = png();
            let at = at.index(bytes.len());
            bytes[at] = value;
            with(bytes)
        }),
        1 => prop::sample::select(vec!["", "{}", "[]", "null", "{\"ready\":3}", "{\"parameters\":{\"version\":[]}}", "{\"parameters\":{\"config\":1}}"])
            .prop_map(move |text| with(text.as_bytes().to_vec())),
        1 => Just(b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n".to_vec()).prop_map(with),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let given = vec![
        ("content-type", "multipart/form-data; boundary=b"),
        ("content-type", "multipart/form-data"),
        ("content-type", "image/png"),
        ("accept", "image/png"),
        ("accept", "image/png;view=mask"),
        ("accept", "image/tiff, */*;q=0.1"),
        ("accept", ";;=,,"),
        ("content-encoding", "gzip"),
        ("authorization", "Bearer x"),
        ("x-request-id", "a b\tc"),
        ("host", "example.com"),
        ("origin", "null"),
        ("content-length", "5"),
        ("expect", "100-continue"),
    ];
    let given = prop::sample::select(given).prop_map(|(name, value)| (name, value.to_owned()));
    let random =
        (prop::sample::select(vec!["accept", "x-request-id", "content-type", "range"]), "[ -~]{0,60}");
    prop::collection::vec(prop_oneof![3 => given, 1 => random], 0..2)
}

fn request() -> impl Strategy<Value = Random> {
    let method = prop_oneof![
        6 => Just("POST"),
        1 => prop::sample::select(vec!["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "NONSENSE"]),
    ];
    (method, path(), headers(), body()).prop_map(|(method, path, mut headers, (body, length))| {
        headers.extend(length.map(|length| ("inference-header-content-length", length)));
        Random { method, path, headers, body }
    })
}

/// Status and body of an answer; None where the request has no form in HTTP.
fn answer(random: &Random) -> Option<(u16, Vec<u8>)> {
    let mut request = Request::builder().method(random.method).uri(&random.path);
    for (name, value) in &random.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from(random.body.clone())).ok()?;
    let trial = &*TRIAL;
    let answer = trial.router.clone().oneshot(request);
    trial.runtime.block_on(async {
        let answer = answer.await.unwrap();
        let status = answer.status().as_u16();
        Some((status, answer.into_body().collect().await.unwrap().to_bytes().to_vec()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(REQUESTS)
    ) })]
    #[test]
    fn no_request_is_our_fault(random in request()) {
        let Some((status, body)) = answer(&random) else { return Ok(()) };
        if status == 200 && random.path.ends_with("/unload") {
            // Further requests need the model.
            let load = Random { method: "POST", path: "/v2/repository/models/part/load".into(), headers: Vec::new(), body: Vec::new() };
            prop_assert_eq!(answer(&load).unwrap().0, 200);
        }
        prop_assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
        if status >= 400 && random.method != "HEAD" {
            let body: Value = serde_json::from_slice(&body).unwrap();
            prop_assert!(body["error"].is_string() && body["code"].is_string() && body["request_id"].is_string());
        }
    }
}

/// The requests reach what is behind the checks as well.
#[test]
fn good_requests_are_among_them() {
    let body = |data: &str| {
        let json = format!(
            r#"{{"inputs":[{{"name":"image","datatype":"UINT8","shape":[1,8,8,3],"data":{data}}}]}}"#
        );
        Random {
            method: "POST",
            path: "/v2/models/part/infer".into(),
            headers: Vec::new(),
            body: json.into_bytes(),
        }
    };
    let data = format!("[{}]", vec!["7"; 192].join(","));
    assert_eq!(answer(&body(&data)).unwrap().0, 200);
}
