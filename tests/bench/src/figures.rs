//! From many figures to one, and tables of them.

/// The median, and between which values the middle half lies.
pub struct Middle {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// Of at least one figure.
pub fn middle(mut figures: Vec<f64>) -> Middle {
    figures.sort_by(f64::total_cmp);
    let at = |quarters: usize| figures[(figures.len() - 1) * quarters / 4];
    Middle {
        median: at(2),
        low: at(1),
        high: at(3),
    }
}

/// Prints a heading, and a table under it.
pub fn table(heading: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n## {heading}\n");
    println!("| {} |", head.join(" | "));
    println!("|{}", "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// `1.23`, in milliseconds.
pub fn milliseconds(microseconds: f64) -> String {
    format!("{:.2}", microseconds / 1000.0)
}

/// `1.23`, in megabytes of 1,000,000 bytes.
pub fn megabytes(kibibytes: f64) -> String {
    format!("{:.2}", kibibytes * 1024.0 / 1e6)
}
