//! Tables of figures, as text for people.

/// A Markdown table: `head` stands over the rows' names, `columns` over their cells.
pub(crate) fn markdown(head: &str, columns: &[&str], rows: &[(String, Vec<String>)]) -> String {
    let mut text = format!("| {head} | {} |\n", columns.join(" | "));
    text.push_str(&format!("|---|{}\n", "---|".repeat(columns.len())));
    for (name, cells) in rows {
        text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    text
}

/// Three decimals, or a dash where the data cannot tell.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
