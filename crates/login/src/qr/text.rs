//! Draws modules as lines of characters.

use super::grid::Modules;
use super::{Background, Style};

/// The two characters that draw a module. Of 162 pictures, zbar read (tests/qr-ink.py):
///
/// - on dark: MM 146, @@ 141, ## 124, [] 87;
/// - on light: [] 86, @@ 57, MM 54, ## 52. Strokes there do not cover enough to look dark.
fn ink(background: Background) -> &'static str {
    match background {
        Background::Dark => "MM",
        Background::Light => "[]",
    }
}

const BLANK: &str = "  ";

/// The quiet zone that a scanner needs on each side, in modules.
const QUIET: usize = 4;

pub(super) fn draw(modules: &Modules, style: Style, background: Background) -> String {
    let draws_dark = background == Background::Light;
    let side = modules.side().saturating_add(2 * QUIET);
    // Positions outside of the code are quiet zone. The half line below the last row is background.
    let drawn = |column: usize, row: usize| {
        row < side
            && draws_dark
                == (|| modules.dark(column.checked_sub(QUIET)?, row.checked_sub(QUIET)?))()
                    .unwrap_or(false)
    };
    let mut lines = String::new();
    match style {
        Style::HalfBlocks => {
            for row in (0..side).step_by(2) {
                let characters = (0..side).map(|column| {
                    match (drawn(column, row), drawn(column, row.saturating_add(1))) {
                        (true, true) => '\u{2588}',
                        (true, false) => '\u{2580}',
                        (false, true) => '\u{2584}',
                        (false, false) => ' ',
                    }
                });
                end_line(&mut lines, &characters.collect::<String>());
            }
        }
        Style::Ascii => {
            let ink = ink(background);
            for row in 0..side {
                let characters =
                    (0..side).map(|column| if drawn(column, row) { ink } else { BLANK });
                end_line(&mut lines, &characters.collect::<String>());
            }
        }
    }
    lines
}

/// Trailing blanks look like the terminal's background.
fn end_line(lines: &mut String, line: &str) {
    lines.push_str(line.trim_end_matches(' '));
    lines.push('\n');
}
