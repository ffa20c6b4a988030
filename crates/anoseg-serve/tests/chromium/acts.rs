//! What users of the page do, and screenshots of it.
#![allow(dead_code, reason = "each test file uses a part")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Browser;
use crate::common::Running;

#[expect(clippy::print_stdout, reason = "whoever runs the tests should see that they were skipped")]
pub(crate) fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        println!("skipped: no Chromium found; set CHROMIUM to its path");
    }
    browser
}

pub(crate) fn url(server: &Running) -> String {
    format!("http://{}/", server.address)
}

/// Drops a file onto the page, as a user does.
pub(crate) fn drop_file(browser: &mut Browser, name: &str, bytes: &[u8]) {
    let bytes = STANDARD.encode(bytes);
    browser.evaluate(&format!(
        "(() => {{
            const bytes = Uint8Array.from(atob('{bytes}'), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], '{name}'));
            document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer, bubbles: true, cancelable: true }}));
        }})()"
    ));
}

pub(crate) fn click(browser: &mut Browser, selector: &str) {
    browser.evaluate(&format!("document.querySelector('{selector}').click()"));
}

/// Screenshots in light, dark and a phone's width, where a folder for them is named; nothing overflows.
pub(crate) fn shoot(browser: &mut Browser, name: &str) {
    for (width, height, scheme) in [(1280, 900, "light"), (1280, 900, "dark"), (360, 740, "light")] {
        browser.show_as((width, height), scheme);
        let overflow = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert!(overflow.as_f64().unwrap() <= 0.0, "{name} at {width} pixels is {overflow} too wide");
        if let Some(folder) = std::env::var_os("ANOSEG_SCREENSHOTS") {
            let file = std::path::Path::new(&folder).join(format!("{name}-{width}-{scheme}.png"));
            std::fs::write(file, STANDARD.decode(browser.screenshot()).unwrap()).unwrap();
        }
    }
    browser.show_as((1280, 900), "light");
}
