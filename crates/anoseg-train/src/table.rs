//! Tables of figures, as text for people.

use std::path::Path;

use anoseg_image::dataset::display_name;

/// A table: each row has a name and as many cells as there are columns.
///
/// ```
/// use anoseg_train::Table;
///
/// let rows = vec![("bottle".to_owned(), vec!["1.000".to_owned()])];
/// let table = Table { head: "dataset".into(), columns: vec!["AUROC".into()], rows };
/// assert_eq!(table.markdown(), "| dataset | AUROC |\n|---|---|\n| bottle | 1.000 |\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Heading of the rows' names.
    pub head: String,
    /// Headings of the cells.
    pub columns: Vec<String>,
    /// Names and cells.
    pub rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} | {} |\n", self.head, self.columns.join(" | "));
        text.push_str(&format!("|---|{}\n", "---|".repeat(self.columns.len())));
        for (name, cells) in &self.rows {
            let cells = cells.iter().map(|cell| in_markdown(cell)).collect::<Vec<_>>();
            text.push_str(&format!("| {} | {} |\n", in_markdown(name), cells.join(" | ")));
        }
        text
    }

    /// The table in columns of equal width, for a terminal.
    pub fn plain(&self) -> String {
        let names = self.rows.iter().map(|(name, _)| one_line(name).chars().count());
        let width = names.chain([self.head.chars().count()]).max().unwrap_or(0);
        let line = |name: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| format!("  {cell:>8}")).collect();
            format!("{:<width$}{cells}\n", one_line(name))
        };
        let rows: String = self.rows.iter().map(|(name, cells)| line(name, cells)).collect();
        line(&self.head, &self.columns) + &rows
    }
}

/// A text that does not end the cell of a Markdown table that it is in.
fn in_markdown(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

/// A name without line breaks and other characters that are not shown, which would break the table.
pub(crate) fn one_line(name: &str) -> String {
    display_name(Path::new(name))
}

/// Three decimals, or a dash where there is no value.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
