//! The OpenAPI document: it is well-formed, has every route, and answers are as it says.

use std::collections::BTreeSet;

use anoseg_serve::{Retention, Settings, Tokens};
use serde_json::{Value, json};

use crate::common::{FORM, Running, Shop, form, model_with_threshold, png, send};
use crate::document::{Document, every};

const TOKEN: (&str, &str) = ("authorization", "Bearer aaaaaaaaaaaaaaaaaaaa");

#[test]
fn every_reference_leads_somewhere_and_names_are_unique() {
    let document = Document::read();
    assert!(document.value["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut used = BTreeSet::new();
    every(&document.value, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("every reference is inside the document");
            assert!(document.value.pointer(pointer).is_some(), "{reference}");
            used.insert(pointer.to_owned());
        }
    });
    for kind in ["parameters", "headers", "responses"] {
        for name in document.value["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("/components/{kind}/{name}")), "{kind}/{name} is not used");
        }
    }
    let operations = document.operations();
    let ids: BTreeSet<&str> = operations.iter().map(|it| it.value["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    let tags: Vec<&Value> =
        document.value["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for operation in &operations {
        let name = format!("{} {}", operation.method, operation.path);
        let in_path: BTreeSet<&str> =
            operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let declared = document.parameters(operation, "path");
        assert_eq!(declared.iter().map(String::as_str).collect::<BTreeSet<_>>(), in_path, "{name}");
        assert!(operation.value["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{name}");
        assert!(operation.value["summary"].is_string(), "{name}");
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let response = document.resolved(response);
            assert!(response["description"].is_string(), "{name} {status}");
            assert!(response["headers"].get("x-request-id").is_some(), "{name} {status}");
        }
    }
}

#[test]
fn every_schema_is_one_and_every_example_fits_its_schema() {
    let document = Document::read();
    for name in document.value["components"]["schemas"].as_object().unwrap().keys() {
        document.validator(&json!({"$ref": format!("#/components/schemas/{name}")}));
    }
    let (mut schemas, mut examples) = (0, 0);
    every(&document.value, &mut |value| {
        let Some(schema) = value.get("schema").filter(|schema| schema.is_object()) else { return };
        let validator = document.validator(schema);
        schemas += 1;
        if let Some(example) = value.get("example") {
            assert!(validator.is_valid(example), "{example}");
            examples += 1;
        }
    });
    assert!(schemas > 60 && examples > 3, "{schemas} {examples}");
}

#[test]
fn the_verdict_is_that_of_its_own_schema() {
    let mut verdict: Value =
        serde_json::from_str(include_str!("../../../../docs/schemas/verdict.json")).unwrap();
    for field in ["$schema", "$id"] {
        verdict.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(Document::read().value["components"]["schemas"]["Verdict"], verdict);
}

/// The router's list is its source: each route is a literal behind `.route(`.
#[test]
fn the_document_has_the_routes_of_the_router_and_no_others() {
    let sources = [include_str!("../../src/routes.rs"), include_str!("../../src/page.rs")].concat();
    let calls = sources.split(".route(").skip(1).map(|call| {
        let (path, rest) = call.trim_start().strip_prefix('"').unwrap().split_once('"').unwrap();
        let method = rest.trim_start_matches([',', ' ', '\n']).split('(').next().unwrap();
        format!("{method} {path}")
    });
    let routes: BTreeSet<String> = calls.collect();
    let document = Document::read();
    let told: BTreeSet<String> =
        document.operations().iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(routes, told);
}

#[test]
fn every_route_asks_for_the_role_that_the_document_names() {
    let shop = Shop::new();
    let tokens =
        "a inspect aaaaaaaaaaaaaaaaaaaa\nb feedback bbbbbbbbbbbbbbbbbbbb\nc admin cccccccccccccccccccc";
    let server = Running::new(Settings { tokens: Tokens::parse(tokens).unwrap(), ..shop.settings() });
    let document = Document::read();
    for operation in document.operations() {
        let path = filled(&operation.path, "part", "1");
        let status = |token: Option<&str>| {
            let token = token.map(|token| format!("Bearer {}", token.repeat(20)));
            let headers: Vec<(&str, &str)> =
                token.iter().map(|token| ("authorization", &token[..])).collect();
            send(server.address, &operation.method.to_uppercase(), &path, &headers, b"").unwrap().status
        };
        let role = operation.value["security"].as_array().unwrap().iter().find_map(|it| it.get("token"));
        let name = format!("{} {path}", operation.method);
        let Some(role) = role else {
            assert!(![401, 403].contains(&status(None)), "{name}");
            continue;
        };
        assert_eq!(status(None), 401, "{name}");
        for (token, roles) in
            [("a", &["inspect"][..]), ("b", &["feedback"]), ("c", &["inspect", "feedback", "admin"])]
        {
            // The last one unloads nothing: it comes for its role only.
            if token == "c" && role[0] == "admin" {
                continue;
            }
            let allowed = roles.contains(&role[0].as_str().unwrap());
            assert_eq!(status(Some(token)) != 403, allowed, "{name} with {roles:?}");
        }
    }
}

/// The path with values in the place of its parameters.
fn filled(path: &str, model: &str, number: &str) -> String {
    path.replace("{model}", model)
        .replace("{version}", number)
        .replace("{id}", number)
        .replace("{part}", "style.css")
}

/// A server with a history, and a token that may do everything.
fn started(shop: &Shop) -> Running {
    shop.add("part", 2, &model_with_threshold(0.9));
    let tokens = Tokens::parse("ada admin aaaaaaaaaaaaaaaaaaaa").unwrap();
    let history = Some((shop.path("history"), Retention::default()));
    Running::new(Settings { tokens, history, most_body: 100_000, ..shop.settings() })
}

#[test]
fn good_answers_of_every_route_are_as_the_document_says() {
    let (shop, document) = (Shop::new(), Document::read());
    let server = started(&shop);
    let mut seen = BTreeSet::new();
    let mut ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let headers = [&[TOKEN], headers].concat();
        let answer = send(server.address, &method.to_uppercase(), path, &headers, body).unwrap();
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        seen.insert(document.check(method, path, &answer));
        answer
    };
    let pixels = json!({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3], "data": vec![9; 192]}],
        "parameters": {"image_threshold": 0.5}});
    let binary = json!({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3],
        "parameters": {"binary_data_size": 192}}], "parameters": {"binary_data_output": true}});
    let binary = (binary.to_string().len().to_string(), [binary.to_string().as_bytes(), &[9; 192]].concat());
    for prefix in ["/v1/models/part", "/v1/models/part/versions/1"] {
        let accepted =
            ["application/json", "image/png", "image/png;view=mask", "image/tiff", "multipart/form-data"];
        for accept in accepted {
            ask("post", &format!("{prefix}/predict"), &[("accept", accept)], &png());
        }
        let query = "rule=regions&min_pixels=3&min_peak=0.5&pixel_threshold=0.25";
        ask("post", &format!("{prefix}/predict?{query}"), &[], &png());
        ask("post", &format!("{prefix}/predict"), &[FORM], &form(&[("image", Some("a.png"), &png())]));
        ask("get", &format!("{prefix}/calibration"), &[], b"");
    }
    for prefix in ["/v2/models/part", "/v2/models/part/versions/1"] {
        for rest in ["", "/ready", "/stats"] {
            ask("get", &format!("{prefix}{rest}"), &[], b"");
        }
        ask("post", &format!("{prefix}/infer"), &[], pixels.to_string().as_bytes());
        let length = ("inference-header-content-length", &binary.0[..]);
        ask("post", &format!("{prefix}/infer"), &[length], &binary.1);
    }
    ask("post", "/v1/history/1/feedback?truth=defect&note=crack", &[], &png());
    for path in ["/v1/history?feedback=any", "/v1/history", "/v1/history/1", "/v1/history/1/thumbnail"] {
        ask("get", path, &[], b"");
    }
    // Compared with the version before it, on the image that feedback was given on.
    shop.add("part", 3, &model_with_threshold(0.1));
    ask("post", "/v2/repository/models/part/load", &[], b"");
    for prefix in ["/v1/models/part", "/v1/models/part/versions/3"] {
        ask("get", &format!("{prefix}/drift"), &[], b"");
        let proposal = format!("{prefix}/proposal?unquestioned=true&since=0&false_reject=0.02&review=0.1");
        assert!(ask("get", &proposal, &[], b"").json()["proposed"]["image"].is_number());
        assert_eq!(ask("get", &format!("{prefix}/regression"), &[], b"").json()["images"], 1);
    }
    for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/metrics", "/healthz"] {
        ask("get", path, &[], b"");
    }
    for path in ["/", "/page/style.css", "/page/main.js", "/page/icon.svg"] {
        ask("get", path, &[], b"");
    }
    assert_eq!(ask("get", "/openapi.json", &[], b"").json(), document.value);
    ask("post", "/v2/repository/index", &[], br#"{"ready": true}"#);
    ask("post", "/v2/repository/models/part/versions/1/unload", &[], b"");
    ask("post", "/v2/repository/models/part/versions/1/load", &[], b"");
    ask("post", "/v2/repository/models/part/unload", &[], b"");
    ask("post", "/v2/repository/models/part/load", &[], br#"{"parameters": {"version": "2"}}"#);
    let all: BTreeSet<String> =
        document.operations().iter().map(|it| it.value["operationId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, all);
}

#[test]
fn failed_answers_are_as_the_document_says() {
    let (shop, document) = (Shop::new(), Document::read());
    let server = started(&shop);
    let check = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], status: u16| {
        let answer = send(server.address, &method.to_uppercase(), path, headers, body).unwrap();
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        document.check(method, path, &answer);
    };
    for operation in document.operations() {
        let (method, path) = (&operation.method[..], &operation.path);
        let other = filled(path, "none", "99").replace("style.css", "none.css");
        let has = |status: &str| operation.value["responses"].get(status).is_some();
        check(method, &other, &[TOKEN, ("origin", "http://example.com")], b"", 403);
        if has("401") {
            check(method, &other, &[], b"", 401);
        }
        if has("404") && path != "/v1/history" {
            let query = if path.ends_with("feedback") { "?truth=good" } else { "" };
            check(method, &format!("{other}{query}"), &[TOKEN], b"", 404);
        }
        if has("413") {
            let own = filled(path, "part", "1");
            let query = if path.ends_with("feedback") { "?truth=good" } else { "" };
            check(method, &format!("{own}{query}"), &[TOKEN], &vec![b' '; 100_001], 413);
            check(method, &format!("{own}{query}"), &[TOKEN, ("content-encoding", "gzip")], b"x", 415);
        }
    }
    const PREDICT: &str = "/v1/models/part/predict";
    check("post", PREDICT, &[TOKEN], b"no image", 400);
    check("post", &format!("{PREDICT}?roi=x"), &[TOKEN], &png(), 400);
    check("post", PREDICT, &[TOKEN, ("accept", "text/html")], &png(), 406);
    check("post", "/v2/models/part/infer", &[TOKEN], b"no JSON", 400);
    check("get", "/v1/history?count=x", &[TOKEN], b"", 400);
    check("post", "/v2/repository/index", &[TOKEN], b"no JSON", 400);
    std::fs::write(shop.version("part", 1).join("model.anoseg"), b"damaged").unwrap();
    check("post", "/v2/repository/models/part/versions/1/load", &[TOKEN], b"", 409);
}
