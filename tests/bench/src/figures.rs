//! Statistics and tables.

/// The median, and the range of the middle half.
pub struct Middle {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// Needs at least one figure.
pub fn middle(mut figures: Vec<f64>) -> Middle {
    figures.sort_by(f64::total_cmp);
    let at = |quarters: usize| figures[(figures.len() - 1) * quarters / 4];
    Middle {
        median: at(2),
        low: at(1),
        high: at(3),
    }
}

/// Prints a heading and a table. The columns are aligned on a terminal, too.
pub fn table(heading: &str, head: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.fold(head.chars().count(), usize::max)
        })
        .collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    println!("\n## {heading}\n");
    line(head);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    println!("|{}|", rules.join("|"));
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// `1 round`, `2 rounds`.
pub fn rounds(number: usize) -> String {
    format!("{number} round{}", if number == 1 { "" } else { "s" })
}

/// `1.23`, in milliseconds.
pub fn milliseconds(microseconds: f64) -> String {
    format!("{:.2}", microseconds / 1000.0)
}

/// `1.23`, in megabytes of 1,000,000 bytes.
pub fn megabytes(kibibytes: f64) -> String {
    format!("{:.2}", kibibytes * 1024.0 / 1e6)
}
