//! The table of the demo: one row a step, one column a party.

use super::scene::Shown;

/// Rows of three cells under their headings.
pub(super) struct Table {
    rows: Vec<(&'static str, [String; 3])>,
}

impl Table {
    /// The table of what was seen.
    pub(super) fn of(shown: &Shown) -> Self {
        Self { rows: shown.rows.clone() }
    }

    /// The table as text. A cell has several lines where its text has.
    pub(super) fn render(&self) -> String {
        let headings = ["notary", "enterprise", "SMSC"];
        let mut widths = headings.map(str::len);
        let mut label_width = 0;
        for (label, cells) in &self.rows {
            label_width = label_width.max(label.len());
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.lines().map(|line| line.chars().count()).fold(*width, usize::max);
            }
        }
        let mut out = String::new();
        push_line(&mut out, label_width, "", &widths, &headings);
        for (label, cells) in &self.rows {
            let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(0);
            for index in 0..height {
                let line = cells.each_ref().map(|cell| cell.lines().nth(index).unwrap_or_default());
                push_line(&mut out, label_width, if index == 0 { label } else { "" }, &widths, &line);
            }
        }
        out
    }
}

fn push_line(out: &mut String, label_width: usize, label: &str, widths: &[usize; 3], cells: &[&str; 3]) {
    let mut line = format!("   {label:label_width$}");
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&format!(" | {cell:width$}"));
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_several_lines_stand_side_by_side() {
        let table = Table { rows: vec![("submit", ["a\nbb".to_owned(), String::new(), "c".to_owned()])] };
        let lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "          | notary | enterprise | SMSC");
        assert_eq!(lines[1], "   submit | a      |            | c");
        assert_eq!(lines[2], "          | bb     |            |");
    }
}
