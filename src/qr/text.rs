//! Modules as lines of characters.

use super::grid::Modules;
use super::{Background, Style};

/// Measured: of 240 pictures (two codes in four fonts of three sizes, on dark and on light, blurred
/// or shrunk as by a camera) zbar read 117 with M, 101 of them on dark; 116 with W, 115 with @,
/// 100 with #. On light the strokes of any character are too thin to look dark.
const FILL: &str = "MM";
const BLANK: &str = "  ";

/// Light modules that a scanner wants on each side.
const QUIET: usize = 4;

pub(super) fn draw(modules: &Modules, style: Style, background: Background) -> String {
    let ink = background == Background::Light;
    let side = modules.side().saturating_add(2 * QUIET);
    // What is outside the code, also below the last line, is quiet zone or background.
    let drawn = |column: usize, row: usize| {
        row < side
            && ink
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
            for row in 0..side {
                let characters =
                    (0..side).map(|column| if drawn(column, row) { FILL } else { BLANK });
                end_line(&mut lines, &characters.collect::<String>());
            }
        }
    }
    lines
}

/// Blanks at the end of a line are the terminal's background anyway.
fn end_line(lines: &mut String, line: &str) {
    lines.push_str(line.trim_end_matches(' '));
    lines.push('\n');
}
