//! A picture of a QR code that somebody has drawn into.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use properties::drawing::picture::{Kind, Picture};
use properties::drawing::{Modules, drawn, picture_of};
use qrcode::{Color, EcLevel, QrCode, Version};

const KINDS: [Kind; 8] = [
    Kind::Grey(8),
    Kind::Grey(1),
    Kind::Grey(16),
    Kind::GreyAlpha(8),
    Kind::Rgb(8),
    Kind::RgbKeyed(8),
    Kind::Rgba(8),
    Kind::GreyKeyed(8),
];

static CODES: LazyLock<Vec<Modules>> = LazyLock::new(|| (1..=6).map(code).collect());

fuzz_target!(|data: &[u8]| {
    let [version, scale, kind, strokes @ ..] = data else {
        return;
    };
    let code = &CODES[usize::from(version % 6)];
    let whole = picture_of(code, usize::from(scale % 4) + 1);
    let inverted = version & 0x40 != 0;
    let whole = if inverted {
        whole.recoloured(|[r, g, b, a]| [255 - r, 255 - g, 255 - b, a])
    } else {
        whole
    };
    let kind = KINDS[usize::from(kind % 8)];
    let picture = strokes.chunks_exact(4).fold(whole, stroke);
    let found = drawn(&picture.png_as(kind, version & 0x80 != 0));
    if strokes.len() < 4 {
        assert_eq!(found.as_ref(), Some(code), "a good code");
    }
});

fn code(version: i16) -> Modules {
    let code = QrCode::with_version(b"acme", Version::Normal(version), EcLevel::M).unwrap();
    let dark = |module: &Color| *module == Color::Dark;
    code.to_colors()
        .chunks(code.width())
        .map(|row| row.iter().map(dark).collect())
        .collect()
}

/// A place, and a side and a brightness: a square, a line, or a picture that is cut.
fn stroke(mut picture: Picture, stroke: &[u8]) -> Picture {
    let [x, y, side, brightness] = stroke else {
        return picture;
    };
    let (x, y) = (
        usize::from(*x) % picture.width,
        usize::from(*y) % picture.height,
    );
    let most = (picture.width - x).min(picture.height - y);
    let colour = [
        *brightness,
        *brightness,
        *brightness,
        side.saturating_mul(2),
    ];
    let side = usize::from(*side);
    match side / 64 {
        0 => picture.fill(x, y, side.min(most), side.min(most), colour),
        1 => picture.fill(x, y, picture.width - x, 1, colour),
        2 => picture.fill(x, y, 1, picture.height - y, colour),
        _ => {
            let side = 1 + side % 64;
            let (width, height) = (
                (picture.width + side).saturating_sub(32),
                (picture.height + side).saturating_sub(32),
            );
            picture = picture.scaled(width.clamp(1, 300), height.clamp(1, 300));
        }
    }
    picture
}
