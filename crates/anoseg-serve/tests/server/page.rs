//! The routes of the page, and thresholds of a request.

use anoseg_serve::Tokens;

use crate::common::{Running, Shop, image, model, model_with_threshold, png, send};

const PREDICT: &str = "/v1/models/part/predict";

/// The files of the page's folder.
fn parts() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap();
    let part = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())
    };
    let mut parts: Vec<_> = folder.map(part).collect();
    parts.sort();
    parts
}

#[test]
fn the_page_and_its_parts_are_served_with_their_policy() {
    let server = Shop::new().start();
    let kinds =
        [("html", "text/html"), ("css", "text/css"), ("js", "text/javascript"), ("svg", "image/svg+xml")];
    for (name, text) in parts() {
        let path = if name == "index.html" { "/".to_owned() } else { format!("/page/{name}") };
        let answer = server.get(&path);
        assert_eq!((answer.status, answer.text()), (200, text), "{path}");
        let kind = answer.header("content-type").unwrap();
        let ending = name.rsplit('.').next().unwrap();
        assert!(kinds.iter().any(|(known, of)| *known == ending && kind.starts_with(of)), "{path}: {kind}");
        let policy = answer.header("content-security-policy").unwrap();
        for part in
            ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "connect-src 'self';"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn nothing_beside_the_embedded_files_is_served() {
    let server = Shop::new().start();
    for path in [
        "/page",
        "/page/",
        "/page/index.html",
        "/page/none.js",
        "/page/../page.rs",
        "/page/..%2Fpage.rs",
        "/page/%2e%2e/Cargo.toml",
        "/page/style.css/",
        "/page//style.css",
        "/page/STYLE.CSS",
        "/page/style.css%00",
        "/page/page/style.css",
        "/index.html",
        "/favicon.ico",
        "/page/..%5cCargo.toml",
    ] {
        let answer = server.get(path);
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(send(server.address, "POST", "/", &[], b"").unwrap().status, 405);
    assert_eq!(send(server.address, "PUT", "/page/main.js", &[], b"x").unwrap().status, 405);
}

#[test]
fn the_page_needs_no_token_and_what_it_reads_does() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.tokens = Tokens::parse("line inspect aaaaaaaaaaaaaaaaaaaa").unwrap();
    let server = Running::new(settings);
    assert_eq!((server.get("/").status, server.get("/page/main.js").status), (200, 200));
    for path in ["/v1/models/part/calibration", "/v1/models/part/versions/1/calibration"] {
        assert_eq!(server.get(path).code(), "unauthorized");
        let token = ("authorization", "Bearer aaaaaaaaaaaaaaaaaaaa");
        assert_eq!(send(server.address, "GET", path, &[token], b"").unwrap().status, 200);
    }
}

/// Names in the page's code, and texts, are what they are for.
#[test]
fn the_page_loads_nothing_from_elsewhere_and_all_its_texts_are_there() {
    let parts = parts();
    let of_texts = parts.iter().filter(|(name, _)| name.starts_with("strings"));
    let strings: String = of_texts.map(|(_, text)| text.as_str()).collect();
    for (name, text) in &parts {
        let others =
            ["http://", "https://", "//cdn", "innerHTML", "eval(", "localStorage", "document.cookie"];
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(others.iter().all(|other| !text.contains(other)), "{name}");
        assert!(!text.contains(" style=\"") && !text.contains(" onclick=\""), "{name}");
        let used = text.match_indices("S.").filter(|(at, _)| {
            !text[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '.')
        });
        let keys = used.map(|(at, _)| key(&text[at + 2..]));
        let of_html = ["data-text=\"", "data-label=\""].into_iter().flat_map(|attribute| {
            text.match_indices(attribute)
                .map(|(at, found)| key(&text[at + found.len()..]))
                .collect::<Vec<_>>()
        });
        for key in keys.chain(of_html).filter(|key| !key.is_empty()) {
            assert!(strings.contains(&format!("\n  {key}:")), "{name}: no text {key}");
        }
    }
}

fn key(text: &str) -> &str {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap()
}

#[test]
fn the_calibration_is_told_with_its_scores() {
    let server = Shop::new().start();
    let told = server.get("/v1/models/part/calibration").json();
    let model = model();
    let calibration = model.calibration().unwrap();
    assert_eq!(told["digest"], model.digest().unwrap());
    assert_eq!((&told["model"], &told["version"]), (&"part".into(), &"1".into()));
    assert_eq!(told["image_threshold"].as_f64().unwrap() as f32, calibration.image_threshold);
    assert_eq!(told["normal_scores"].as_array().unwrap().len(), calibration.normal_scores.len());
    assert_eq!(told["held_out"], calibration.held_out);
    assert_eq!(server.get("/v1/models/none/calibration").code(), "unknown_model");
    assert_eq!(server.get("/v1/models/part/versions/2/calibration").code(), "unknown_model");
}

#[test]
fn thresholds_of_a_request_decide_and_are_told() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.audit = Some(shop.path("audit.jsonl"));
    let server = Running::new(settings);
    let predict = |query: &str| server.post(&format!("{PREDICT}{query}"), &[], &png());
    let usual = predict("");
    let score = usual.json()["score"].as_f64().unwrap();
    assert!(usual.header("anoseg-thresholds").is_none() && usual.json().get("thresholds").is_none());
    assert_eq!(predict("?").text(), usual.text());
    for (query, decision) in [
        ("?image_threshold=1&review_threshold=1", "good"),
        ("?image_threshold=0", "reject"),
        ("?image_threshold=1&review_threshold=0", "review"),
    ] {
        let answer = predict(query);
        let verdict = answer.json();
        assert_eq!(verdict["decision"], decision, "{query}");
        assert_eq!(answer.header("anoseg-decision"), Some(decision));
        assert_eq!(answer.header("anoseg-thresholds"), Some("overridden"));
        assert_eq!(verdict["score"].as_f64().unwrap(), score);
        assert!(verdict["thresholds"]["image"].is_number() && verdict["thresholds"]["review"].is_number());
        assert_eq!(verdict["model_digest"], usual.json()["model_digest"]);
    }
    // As the same model would with these thresholds of its own.
    let other = model_with_threshold(0.0).inspect(&image()).unwrap();
    let regions = predict("?image_threshold=0").json()["regions"].as_array().unwrap().len();
    assert_eq!(regions, other.regions.len());
    for query in
        ["?image_threshold=nan", "?image_threshold=1.5", "?review_threshold=1&image_threshold=0", "?x=1"]
    {
        assert_eq!((predict(query).status, predict(query).code().as_str()), (400, "bad_request"), "{query}");
    }
    drop(server);
    let log = std::fs::read_to_string(shop.path("audit.jsonl")).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("\"decision\"")).collect();
    assert_eq!(lines.iter().filter(|line| line.contains("\"thresholds\":{\"image\":")).count(), 4);
    assert_eq!(lines.len(), 6);
}
