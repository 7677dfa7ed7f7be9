//! A QR code from a PNG, as text for a terminal. The modules (the dark and light squares) are
//! found in the picture and drawn again; what they say is never read.

mod grid;
mod image;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use self::grid::Flaw;
use self::image::Image;

/// What the modules are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Unicode block elements, two modules above each other in a character.
    HalfBlocks,
    /// Two ASCII characters a module.
    Ascii,
}

/// What the terminal shows where nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Blanks are dark: the light modules are drawn.
    Dark,
    /// Blanks are light: the dark modules are drawn.
    Light,
}

/// Why there is no picture; one line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDrawable(String);

impl fmt::Display for NotDrawable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotDrawable {}

/// Draws the QR code that is in `png`, with its quiet zone. Each line ends in `\n`.
///
/// # Errors
///
/// What is wrong with the PNG, or that there is no whole QR code in it.
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
