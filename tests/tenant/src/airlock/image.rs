//! The QR code's image, drawn well or badly.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use png::{BitDepth, ColorType, Encoder, Info};
use qrcode::{Color, EcLevel, QrCode, Version};
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::cookies;
use super::scenario::Image;

/// The answer with the challenge.
pub(crate) fn answer(payload: &[u8], image: Image) -> Answer {
    let mut attributes = json!({ "challengeImage": text(payload, image) });
    if image == Image::Missing {
        attributes = json!({});
    }
    answer::data(&json!({
        "type": "authentication.airlock-2fa.offline-qr-code.challenge",
        "id": cookies::random(),
        "attributes": attributes,
    }))
}

fn text(payload: &[u8], image: Image) -> Value {
    let png = || STANDARD.encode(file(payload, image));
    match image {
        Image::Empty => "".into(),
        Image::Missing | Image::Null => Value::Null,
        Image::NotBase64 => "this!is!not!base64".into(),
        Image::DataUrl => format!("data:image/png;base64,{}", png()).into(),
        _ => png().into(),
    }
}

/// The bytes of the image file.
fn file(payload: &[u8], image: Image) -> Vec<u8> {
    let picture = Picture::of(payload, image);
    match image {
        Image::NotPng => b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec(),
        Image::Bomb => blank(10_000),
        Image::NoCode => blank(200),
        Image::Interlaced => picture.interlaced(),
        Image::OneBit => picture.one_bit(ColorType::Grayscale, &[]),
        Image::Palette => picture.one_bit(ColorType::Indexed, &[0, 0, 96, 255, 255, 208]),
        Image::Rgb => picture.encode(ColorType::Rgb, BitDepth::Eight, &[&[0; 3], &[255; 3]]),
        Image::Rgba => {
            let colours: [&[u8]; 2] = [&[0, 0, 0, 255], &[255; 4]];
            picture.encode(ColorType::Rgba, BitDepth::Eight, &colours)
        }
        Image::Transparent => {
            let colours: [&[u8]; 2] = [&[0, 0, 0, 255], &[0; 4]];
            picture.encode(ColorType::Rgba, BitDepth::Eight, &colours)
        }
        Image::SixteenBit => picture.encode(
            ColorType::Grayscale,
            BitDepth::Sixteen,
            &[&[0; 2], &[255; 2]],
        ),
        Image::Inverted => picture.gray(&[&[255], &[0]]),
        Image::Truncated => {
            let mut bytes = picture.gray(&[&[0], &[255]]);
            bytes.truncate(bytes.len() / 2);
            bytes
        }
        Image::WrongCrc => {
            let mut bytes = picture.gray(&[&[0], &[255]]);
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }
        _ => picture.gray(&[&[0], &[255]]),
    }
}

/// The dark and light modules as pixels.
struct Picture {
    width: usize,
    height: usize,
    dark: Vec<bool>,
}

impl Picture {
    fn of(payload: &[u8], image: Image) -> Self {
        let code = match image {
            Image::Large => QrCode::with_version(payload, Version::Normal(20), EcLevel::H),
            _ => QrCode::with_error_correction_level(payload, EcLevel::M),
        };
        let code = code.expect("a challenge fits into a QR code");
        // In tenths of a pixel.
        let scale = match image {
            Image::OnePixel => 10,
            Image::Uneven => 34,
            _ => 80,
        };
        let quiet = match image {
            Image::NoQuietZone => 0,
            Image::WideQuietZone => 20,
            _ => 4,
        };
        let side = code.width() + 2 * quiet;
        let pixels = side * scale / 10;
        let width = match image {
            Image::OffCentre => pixels * 2 + 37,
            _ => pixels,
        };
        let module = |pixel: usize| {
            let module = (pixel * 10 / scale).checked_sub(quiet)?;
            (module < code.width()).then_some(module)
        };
        let dark = |x, y| match (module(x), module(y)) {
            (Some(x), Some(y)) => code[(x, y)] == Color::Dark,
            _ => false,
        };
        let rows = (0..pixels).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self {
            width,
            height: pixels,
            dark: rows.map(|(x, y)| dark(x, y)).collect(),
        }
    }

    fn gray(&self, colours: &[&[u8]; 2]) -> Vec<u8> {
        self.encode(ColorType::Grayscale, BitDepth::Eight, colours)
    }

    /// Uses these bytes for a dark and for a light pixel.
    fn encode(&self, color: ColorType, depth: BitDepth, colours: &[&[u8]; 2]) -> Vec<u8> {
        let pixel = |dark: &bool| colours[usize::from(!dark)];
        let data: Vec<u8> = self.dark.iter().flat_map(pixel).copied().collect();
        encode(self.width, self.height, color, depth, &[], &data)
    }

    fn one_bit(&self, color: ColorType, palette: &[u8]) -> Vec<u8> {
        let rows = self.dark.chunks(self.width);
        let bytes = rows.flat_map(|row| row.chunks(8)).map(|bits| {
            let bit = |(nth, dark): (usize, &bool)| u8::from(!dark) << (7 - nth);
            bits.iter().enumerate().map(bit).sum::<u8>()
        });
        let data: Vec<u8> = bytes.collect();
        encode(
            self.width,
            self.height,
            color,
            BitDepth::One,
            palette,
            &data,
        )
    }

    /// The encoder cannot interlace, so this does: PNG specification, section 8.2.
    fn interlaced(&self) -> Vec<u8> {
        const PASSES: [(usize, usize, usize, usize); 7] = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let mut rows = Vec::new();
        for (left, top, across, down) in PASSES {
            if left >= self.width {
                continue;
            }
            for y in (top..self.height).step_by(down) {
                let pixel = |x| {
                    if self.dark[y * self.width + x] {
                        0
                    } else {
                        255
                    }
                };
                let row = (left..self.width).step_by(across).map(pixel);
                rows.push(row.collect());
            }
        }
        let mut info = Info::with_size(side(self.width), side(self.height));
        info.color_type = ColorType::Grayscale;
        info.interlaced = true;
        with_rows(info, rows)
    }
}

/// An image of unfiltered rows with the best compression.
fn with_rows(info: Info<'_>, rows: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    for row in rows {
        zlib.write_all(&[0]).expect("memory takes it all");
        zlib.write_all(&row).expect("memory takes it all");
    }
    let data = zlib.finish().expect("memory takes it all");
    let mut file = Vec::new();
    let encoder = Encoder::with_info(&mut file, info).expect("the header is sound");
    let mut writer = encoder.write_header().expect("memory takes it all");
    let written = writer.write_chunk(png::chunk::IDAT, &data);
    written.expect("memory takes it all");
    drop(writer);
    file
}

fn encode(
    width: usize,
    height: usize,
    color: ColorType,
    depth: BitDepth,
    palette: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side(width), side(height));
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette);
    }
    let mut writer = encoder.write_header().expect("the header is sound");
    writer.write_image_data(data).expect("the data are whole");
    drop(writer);
    file
}

/// A light square.
fn blank(pixels: usize) -> Vec<u8> {
    let mut info = Info::with_size(side(pixels), side(pixels));
    info.color_type = ColorType::Grayscale;
    info.bit_depth = BitDepth::One;
    let row = vec![255; pixels.div_ceil(8)];
    with_rows(info, std::iter::repeat_n(row, pixels))
}

fn side(pixels: usize) -> u32 {
    u32::try_from(pixels).expect("images are small")
}
