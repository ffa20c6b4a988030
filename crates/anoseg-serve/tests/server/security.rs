//! Tokens, roles, the audit log, and addresses that other machines reach.

use std::net::Ipv4Addr;

use anoseg::ErrorKind;
use anoseg_serve::{ServeError, Server, Settings, Tokens};
use serde_json::Value;

use crate::common::{Running, Shop, model, png, send};

const PREDICT: &str = "/v1/models/part/predict";
const LINE: (&str, &str) = ("authorization", "Bearer aaaaaaaaaaaaaaaaaaaa");
const ADMIN: (&str, &str) = ("authorization", "Bearer bbbbbbbbbbbbbbbbbbbb");
const FEEDBACK: (&str, &str) = ("authorization", "Bearer cccccccccccccccccccc");
const UNKNOWN: (&str, &str) = ("authorization", "Bearer dddddddddddddddddddd");

fn tokens() -> Tokens {
    let text = "line-3 inspect aaaaaaaaaaaaaaaaaaaa\nada admin bbbbbbbbbbbbbbbbbbbb\nbob feedback cccccccccccccccccccc";
    Tokens::parse(text).unwrap()
}

#[test]
fn every_route_asks_for_its_role() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.tokens = tokens();
    let server = Running::new(settings);
    for path in ["/healthz", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let inspect = [
        ("GET", "/metrics"),
        ("GET", "/v2"),
        ("GET", "/v2/models/part"),
        ("GET", "/v2/models/part/ready"),
        ("GET", "/v2/models/part/versions/1"),
        ("GET", "/v2/models/part/versions/1/ready"),
        ("GET", "/v2/models/stats"),
        ("GET", "/v2/models/part/stats"),
        ("POST", "/v2/models/part/infer"),
        ("POST", "/v2/models/part/versions/1/infer"),
        ("POST", PREDICT),
        ("POST", "/v1/models/part/versions/1/predict"),
        ("POST", "/v2/repository/index"),
    ];
    let admin = [
        ("POST", "/v2/repository/models/part/load"),
        ("POST", "/v2/repository/models/part/versions/1/load"),
        ("POST", "/v2/repository/models/part/versions/9/unload"),
        ("POST", "/v2/repository/models/other/unload"),
    ];
    let status = |(method, path): (&str, &str), token: Option<(&str, &str)>| {
        let headers: Vec<_> = token.into_iter().collect();
        send(server.address, method, path, &headers, b"").unwrap()
    };
    for route in inspect {
        for token in [None, Some(UNKNOWN)] {
            let answer = status(route, token);
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{route:?}");
        }
        assert_eq!(status(route, Some(FEEDBACK)).status, 403, "{route:?}");
        for token in [LINE, ADMIN] {
            assert!(![401, 403].contains(&status(route, Some(token)).status), "{route:?}");
        }
    }
    for route in admin {
        assert_eq!(status(route, None).status, 401, "{route:?}");
        let answer = status(route, Some(LINE));
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{route:?}");
        assert!(![401, 403].contains(&status(route, Some(ADMIN)).status), "{route:?}");
    }
    // Whether a model is there is not told without a token.
    assert_eq!(server.get("/v2/models/other").status, 401);
}

#[test]
fn decisions_and_changes_are_written_down_with_their_caller() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    (settings.tokens, settings.audit) = (tokens(), Some(shop.path("audit.jsonl")));
    let server = Running::new(settings);
    assert_eq!(server.post(PREDICT, &[LINE, ("x-request-id", "r-1")], &png()).status, 200);
    assert_eq!(server.post("/v2/repository/models/part/unload", &[ADMIN], b"").status, 200);
    assert_eq!(server.post("/v2/repository/models/part/load", &[ADMIN], b"").status, 200);
    drop(server);
    let text = std::fs::read_to_string(shop.path("audit.jsonl")).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        entries.iter().map(|entry| (entry["event"].as_str().unwrap(), entry["who"].as_str())).collect();
    let expected =
        [("load", None), ("decision", Some("line-3")), ("unload", Some("ada")), ("load", Some("ada"))];
    assert_eq!(told, expected);
    let digest = model().digest().unwrap();
    assert!(entries.iter().all(|entry| entry["model_digest"] == digest && entry["model"] == "part"));
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/audit.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    for entry in &entries {
        let fields = entry.as_object().unwrap();
        assert!(fields.keys().all(|name| schema["properties"].get(name).is_some()), "{entry}");
        let required = schema["required"].as_array().unwrap();
        assert!(required.iter().all(|name| fields.contains_key(name.as_str().unwrap())), "{entry}");
    }
    let decision = &entries[1];
    assert_eq!((&decision["decision"], &decision["request_id"]), (&"review".into(), &"r-1".into()));
    assert_eq!(decision["image"], "image");
    assert!(!text.contains("aaaaaaaaaaaaaaaaaaaa"));
}

#[test]
fn other_machines_reach_no_server_without_tokens() {
    let shop = Shop::new();
    let open = Settings { address: (Ipv4Addr::UNSPECIFIED, 0).into(), ..shop.settings() };
    let error = Server::bind(open.clone()).err().unwrap();
    assert!(matches!(error, ServeError::NoTokens { .. }) && error.kind() == ErrorKind::Arguments);
    assert!(Server::bind(Settings { tokens: tokens(), ..open.clone() }).is_ok());
    assert!(Server::bind(Settings { open: true, ..open }).is_ok());
    let missing = Settings { models: shop.path("none"), ..shop.settings() };
    assert_eq!(Server::bind(missing).err().unwrap().kind(), ErrorKind::Environment);
    let server = shop.start();
    let taken = Settings { address: server.address, ..shop.settings() };
    assert!(matches!(Server::bind(taken).err().unwrap(), ServeError::Address { .. }));
}

#[test]
fn pages_of_other_origins_cannot_use_an_open_server() {
    let server = Shop::new().start();
    let predict = |headers: &[(&str, &str)]| server.post(PREDICT, headers, &png());
    assert_eq!(predict(&[("origin", "https://example.com")]).code(), "other_origin");
    let own = format!("http://{}", server.address);
    assert_eq!(predict(&[("origin", &own)]).status, 200);
}
