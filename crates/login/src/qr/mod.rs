//! Converts a QR code in a PNG to text for a terminal. The modules (dark and light squares) are
//! found in the picture and drawn again. The content of the code is not decoded.

mod grid;
mod image;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use self::grid::Flaw;
use self::image::Image;

/// The characters that draw the modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Unicode block elements. One character is two modules, one above the other.
    HalfBlocks,
    /// ASCII. One module is two characters.
    Ascii,
}

/// The background colour of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Blanks are dark, so the light modules are drawn.
    Dark,
    /// Blanks are light, so the dark modules are drawn.
    Light,
}

/// Why the code cannot be drawn. One line, for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDrawable(String);

impl fmt::Display for NotDrawable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotDrawable {}

/// Draws the QR code in `png`, with its quiet zone. Each line ends in `\n`.
///
/// # Errors
///
/// The PNG is damaged, too large, or contains no complete QR code.
pub fn draw(png: &[u8], style: Style, background: Background) -> Result<String, NotDrawable> {
    let mut worst = Flaw::OneColour;
    for backdrop in [image::WHITE, image::BLACK] {
        let image = Image::decode(png, backdrop)?;
        match grid::find(&image) {
            Ok(modules) => return Ok(text::draw(&modules, style, background)),
            Err(flaw) => worst = worst.max(flaw),
        }
        if !image.see_through {
            break;
        }
    }
    Err(NotDrawable(format!("no QR code in it: {worst}")))
}
