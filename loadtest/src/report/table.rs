//! Markdown: tables that read well as text, too, and text from outside that stays text (GitHub Flavored Markdown).

/// Rows of cells below a header.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    columns: usize,
    align: Align,
}

/// How the columns after the first are aligned.
#[derive(Clone, Copy, PartialEq)]
enum Align {
    Left,
    Right,
}

impl Table {
    /// For words.
    pub(super) fn left(header: Vec<String>) -> Self {
        Self { columns: header.len(), rows: vec![header], align: Align::Left }
    }

    /// For numbers: all columns but the first are aligned right.
    pub(super) fn right(header: Vec<String>) -> Self {
        Self { align: Align::Right, ..Self::left(header) }
    }

    /// Cells beyond the header's are dropped, missing ones are empty.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3);
        let widths: Vec<usize> = (0..self.columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = cell(row, column);
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                text.push_str(&match self.align(column) {
                    Align::Left => format!("| {cell}{padding} "),
                    Align::Right => format!("| {padding}{cell} "),
                });
            }
            text.push_str("|\n");
            if index == 0 {
                text.push_str(&self.rule(&widths));
            }
        }
        text
    }

    fn align(&self, column: usize) -> Align {
        if column == 0 { Align::Left } else { self.align }
    }

    fn rule(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        for (column, width) in widths.iter().enumerate() {
            let end = if self.align(column) == Align::Left { "-" } else { ":" };
            text.push_str(&format!("| {}{end} ", "-".repeat(width.saturating_sub(1))));
        }
        text + "|\n"
    }
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

/// `text` on one line, with every character that Markdown or HTML would read as markup taken literally.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for word in text.split(|character: char| character.is_whitespace() || character.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        for character in word.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => escaped.extend(['\\', character]),
                other => escaped.push(other),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::right(vec!["target".to_owned(), "CPU µs".to_owned()]);
        table.row(vec!["nginx".to_owned(), "13.0".to_owned()]);
        table.row(vec!["x".to_owned()]);
        let text = "\
| target | CPU µs |
| ------ | -----: |
| nginx  |   13.0 |
| x      |        |
";
        assert_eq!(table.render(), text);
    }

    #[test]
    fn markup_is_taken_literally() {
        assert_eq!(escaped("a|b"), "a\\|b");
        assert_eq!(escaped("<b>&amp;"), "&lt;b&gt;&amp;amp;");
        assert_eq!(escaped("x86_64 *new* `code` [a](b) #1"), "x86\\_64 \\*new\\* \\`code\\` \\[a\\](b) \\#1");
        assert_eq!(escaped("two\n\n| lines\u{0} \t here "), "two \\| lines here");
        assert_eq!(escaped("haproxy-splice"), "haproxy-splice");
        assert_eq!(escaped(""), "");
    }
}
