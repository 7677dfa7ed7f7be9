//! Decodes a PNG to one byte of brightness per pixel. The size is checked before memory is
//! allocated, and rows are decoded one by one.

use std::io::Cursor;

use png::{DecodeOptions, Decoder, DecodingError, InterlaceInfo, Limits, Transformations};

use super::NotDrawable;
use crate::clean;

/// The largest QR code with its quiet zone has 185 modules per side. This leaves 11 pixels for
/// each, and needs 4 MiB.
pub(super) const MAX_SIDE: usize = 2048;
/// The largest file that fits in base64 into the largest answer of airlock-iam (`IMAGE_LIMIT`).
pub(super) const MAX_FILE: usize = 1536 * 1024;
/// For one row and the small chunks. Decompression needs about the same again.
const MAX_DECODER: usize = 256 * 1024;

/// Image software writes chunks of several kilobytes. An attacker can send many empty ones, and png
/// 0.18.1 takes 0.1 ms for each.
pub(super) const MOST_DATA: usize = 1000;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The backdrop behind transparent pixels.
pub(super) const WHITE: u8 = 255;
/// See [`WHITE`].
pub(super) const BLACK: u8 = 0;

pub(super) struct Image {
    pub width: usize,
    /// At least one pixel is not opaque.
    pub see_through: bool,
    brightness: Vec<u8>,
}

impl Image {
    pub fn decode(png: &[u8], backdrop: u8) -> Result<Self, NotDrawable> {
        if !png.starts_with(SIGNATURE) {
            return Err(NotDrawable("not a PNG".to_owned()));
        }
        if png.len() > MAX_FILE {
            return Err(NotDrawable(format!("larger than {MAX_FILE} bytes")));
        }
        let data = chunks(png).filter(|kind| matches!(kind, b"IDAT" | b"fdAT"));
        if data.count() > MOST_DATA {
            return Err(NotDrawable(format!("more than {MOST_DATA} chunks of data")));
        }
        let mut options = DecodeOptions::default();
        options.set_ignore_text_chunk(true);
        options.set_ignore_iccp_chunk(true);
        options.set_skip_ancillary_crc_failures(false);
        let mut decoder = Decoder::new_with_options(Cursor::new(png), options);
        decoder.set_limits(Limits { bytes: MAX_DECODER });
        // Always 8 bits per sample, and always an alpha channel.
        decoder.set_transformations(
            Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16,
        );

        let header = decoder.read_header_info().map_err(damaged)?;
        let side = |pixels| {
            usize::try_from(pixels)
                .ok()
                .filter(|side| *side <= MAX_SIDE)
                .ok_or_else(|| NotDrawable(format!("larger than {MAX_SIDE} x {MAX_SIDE} pixels")))
        };
        let (width, height) = (side(header.width)?, side(header.height)?);

        let mut reader = decoder.read_info().map_err(damaged)?;
        // png 0.18.1 panics on such a palette.
        if let Some(palette) = &reader.info().palette
            && palette.len().checked_rem(3) != Some(0)
        {
            return Err(NotDrawable(
                "the PNG is damaged: part of a colour".to_owned(),
            ));
        }
        let (colour, _) = reader.output_color_type();
        let samples = colour.samples();
        let mut image = Self {
            width,
            see_through: false,
            brightness: vec![0; width.saturating_mul(height)],
        };
        let mut line = Vec::with_capacity(width);
        let mut top: usize = 0;
        while let Some(row) = reader.next_interlaced_row().map_err(damaged)? {
            line.clear();
            for pixel in row.data().chunks_exact(samples) {
                let (seen, opaque) = brightness(pixel, backdrop);
                line.push(seen);
                image.see_through |= !opaque;
            }
            match row.interlace() {
                InterlaceInfo::Null(_) => {
                    let start = top.saturating_mul(width);
                    top = top.saturating_add(1);
                    let end = top.saturating_mul(width);
                    if let Some(place) = image.brightness.get_mut(start..end)
                        && place.len() == line.len()
                    {
                        place.copy_from_slice(&line);
                    }
                }
                InterlaceInfo::Adam7(pass) => {
                    png::expand_interlaced_row(&mut image.brightness, width, &line, pass, 8);
                }
            }
        }
        reader.finish().map_err(damaged)?;
        Ok(image)
    }

    /// The brightness of each pixel, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.brightness
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.brightness.chunks_exact(self.width.max(1))
    }

    pub fn pixel(&self, x: usize, y: usize) -> Option<u8> {
        if x >= self.width {
            return None;
        }
        self.brightness
            .get(y.saturating_mul(self.width).saturating_add(x))
            .copied()
    }
}

/// The types of all chunks. A chunk has a length (4 bytes), a type (4 bytes), its content, and a
/// checksum (4 bytes).
fn chunks(png: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    let mut rest = png.get(SIGNATURE.len()..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, from_type) = rest.split_first_chunk()?;
        let kind = from_type.first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest = from_type.get(length.checked_add(8)?..).unwrap_or_default();
        Some(*kind)
    })
}

/// The brightness of a pixel (grey or colour, with alpha), and whether the pixel is opaque.
fn brightness(pixel: &[u8], backdrop: u8) -> (u8, bool) {
    let (grey, alpha) = match *pixel {
        [red, green, blue, alpha] => {
            // Rec. 601 luma, as a camera without colours sees it.
            let weighted =
                f32::from(red) * 0.299 + f32::from(green) * 0.587 + f32::from(blue) * 0.114;
            (weighted, alpha)
        }
        [grey, alpha] => (f32::from(grey), alpha),
        _ => (0.0, 0),
    };
    let cover = f32::from(alpha) / 255.0;
    let seen = grey * cover + f32::from(backdrop) * (1.0 - cover);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 255"
    )]
    let seen = seen.round() as u8;
    (seen, alpha == u8::MAX)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: DecodingError) -> NotDrawable {
    NotDrawable(clean::for_log(&format!("the PNG is damaged: {error}")))
}
