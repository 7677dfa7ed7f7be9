//! An independent generator makes codes, and the tests put them into many kinds of pictures. The
//! drawing must have the generator's modules.

#![allow(clippy::arithmetic_side_effects, reason = "a test that panics fails")]

mod picture;

use qrcode::{Color, EcLevel, QrCode, Version};

use self::picture::{BLACK, CLEAR, Chunk, Colour, Kind, Picture, WHITE, assemble, header};
use super::{Background, Style, draw, image};

/// Rows of modules; `true` is dark.
type Matrix = Vec<Vec<bool>>;

const LEVELS: [EcLevel; 4] = [EcLevel::L, EcLevel::M, EcLevel::Q, EcLevel::H];
const STYLES: [(Style, Background); 4] = [
    (Style::HalfBlocks, Background::Dark),
    (Style::HalfBlocks, Background::Light),
    (Style::Ascii, Background::Dark),
    (Style::Ascii, Background::Light),
];

fn code(version: i16, level: EcLevel) -> Matrix {
    // The smallest code holds seven bytes at the highest level.
    let text = format!("{version:02}/{level:?}.x");
    let code = QrCode::with_version(text, Version::Normal(version), level).unwrap();
    code.to_colors()
        .chunks(code.width())
        .map(|row| row.iter().map(|module| *module == Color::Dark).collect())
        .collect()
}

fn small() -> Matrix {
    code(2, EcLevel::M)
}

/// One pixel per module, without a quiet zone.
fn bare(code: &Matrix, dark: Colour, light: Colour) -> Picture {
    let mut picture = Picture::new(code.len(), code.len(), light);
    for (y, row) in code.iter().enumerate() {
        for (x, module) in row.iter().enumerate() {
            if *module {
                picture.fill(x, y, 1, 1, dark);
            }
        }
    }
    picture
}

/// Black on white, `scale` pixels per module, with a quiet zone.
fn usual(code: &Matrix, scale: usize) -> Picture {
    let picture = bare(code, BLACK, WHITE).framed(4, WHITE);
    picture.scaled(picture.width * scale, picture.height * scale)
}

/// The modules of a drawing. Checks its quiet zone and returns the code without it.
fn parse(text: &str, style: Style, background: Background, side: usize) -> Matrix {
    assert!(text.ends_with('\n'));
    let ink = background == Background::Light;
    let whole = side + 8;
    let mut rows = vec![vec![!ink; whole]; whole + whole % 2];
    for (y, line) in text.lines().enumerate() {
        assert_eq!(line, line.trim_end(), "blanks at the end");
        let characters: Vec<char> = line.chars().collect();
        match style {
            Style::HalfBlocks => {
                for (x, character) in characters.into_iter().enumerate() {
                    let (upper, lower) = match character {
                        ' ' => (false, false),
                        '▀' => (true, false),
                        '▄' => (false, true),
                        '█' => (true, true),
                        other => panic!("{other:?}"),
                    };
                    rows[2 * y][x] = upper == ink;
                    rows[2 * y + 1][x] = lower == ink;
                }
            }
            Style::Ascii => {
                for (x, pair) in characters.chunks(2).enumerate() {
                    assert!(matches!(pair, [' '] | [' ', ' '] | ['!'..='~', '!'..='~']));
                    rows[y][x] = (pair[0] != ' ') == ink;
                }
            }
        }
    }
    let lines = text.lines().count();
    match style {
        Style::HalfBlocks => {
            assert_eq!(lines, whole.div_ceil(2));
            // The lower half of the last line is background.
            let below = rows.pop().unwrap();
            assert_eq!(below, vec![!ink; whole]);
        }
        Style::Ascii => {
            assert_eq!(lines, whole);
            rows.truncate(whole);
        }
    }
    for (y, row) in rows.iter().enumerate() {
        for (x, module) in row.iter().enumerate() {
            let quiet = !(4..side + 4).contains(&x) || !(4..side + 4).contains(&y);
            assert!(!quiet || !module, "{x}, {y} is not quiet");
        }
    }
    rows[4..side + 4]
        .iter()
        .map(|row| row[4..side + 4].to_vec())
        .collect()
}

/// Draws in one style, and compares the modules.
#[track_caller]
fn assert_drawn(png: &[u8], code: &Matrix, what: &str) {
    let text = match draw(png, Style::HalfBlocks, Background::Dark) {
        Ok(text) => text,
        Err(error) => panic!("{what}: {error}"),
    };
    let drawn = parse(&text, Style::HalfBlocks, Background::Dark, code.len());
    assert!(drawn == *code, "{what}: not the same modules");
}

#[track_caller]
fn error(png: &[u8]) -> String {
    let error = draw(png, Style::HalfBlocks, Background::Dark).unwrap_err();
    let error = error.to_string();
    assert!(
        error.len() < 300 && !error.contains(char::is_control),
        "{error:?}"
    );
    error
}

const KINDS: [Kind; 21] = [
    Kind::Grey(1),
    Kind::Grey(2),
    Kind::Grey(4),
    Kind::Grey(8),
    Kind::Grey(16),
    Kind::GreyAlpha(8),
    Kind::GreyAlpha(16),
    Kind::Rgb(8),
    Kind::Rgb(16),
    Kind::Rgba(8),
    Kind::Rgba(16),
    Kind::Palette(1),
    Kind::Palette(2),
    Kind::Palette(4),
    Kind::Palette(8),
    Kind::PaletteAlpha(1),
    Kind::PaletteAlpha(8),
    Kind::GreyKeyed(1),
    Kind::GreyKeyed(8),
    Kind::GreyKeyed(16),
    Kind::RgbKeyed(8),
];

#[test]
fn each_version_and_level_is_drawn_in_each_style_from_each_kind_of_png() {
    let mut kinds = KINDS.into_iter().cycle();
    for version in 1..=40 {
        for (turn, level) in LEVELS.into_iter().enumerate() {
            let code = code(version, level);
            let kind = kinds.next().unwrap();
            let scale = 1 + (code.len() / 4 + turn) % 3;
            let picture = bare(&code, BLACK, WHITE);
            let picture = picture.scaled(code.len() * scale, code.len() * scale);
            let png = picture.png_as(kind, turn % 2 == 0);
            // Over the four levels, each version is drawn in each style.
            let (style, background) = STYLES[turn];
            let what = format!("version {version}, {level:?}, {kind:?}, {style:?}, {background:?}");
            let text =
                draw(&png, style, background).unwrap_or_else(|error| panic!("{what}: {error}"));
            let drawn = parse(&text, style, background, code.len());
            assert!(drawn == code, "{what}: other modules");
        }
    }
}

#[test]
fn each_kind_of_png_is_read_line_by_line_and_interlaced() {
    let code = small();
    for kind in KINDS {
        for interlaced in [false, true] {
            for scale in [1, 3] {
                let picture = usual(&code, scale);
                let what = format!("{kind:?}, interlaced {interlaced}, scale {scale}");
                assert_drawn(&picture.png_as(kind, interlaced), &code, &what);
            }
        }
    }
}

#[test]
fn any_whole_scale_and_any_quiet_zone() {
    for version in [1, 7] {
        let code = code(version, EcLevel::Q);
        for scale in [1, 2, 3, 4, 7, 13] {
            for quiet in [0, 1, 4, 200] {
                let picture = bare(&code, BLACK, WHITE);
                let picture = picture.scaled(code.len() * scale, code.len() * scale);
                let png = picture.framed(quiet, WHITE).png();
                assert_drawn(&png, &code, &format!("{version}, x {scale}, quiet {quiet}"));
            }
        }
    }
}

#[test]
fn any_scale_that_is_not_whole() {
    for version in [1, 6, 15] {
        let code = code(version, EcLevel::M);
        let picture = bare(&code, BLACK, WHITE).framed(4, WHITE);
        let step = if version == 15 { 7 } else { 1 };
        for width in (picture.width..4 * picture.width).step_by(step) {
            // Pictures that are not quite square, too.
            for height in [width, width + 1] {
                let png = picture.scaled(width, height).png_as(Kind::Grey(1), false);
                assert_drawn(&png, &code, &format!("{version}, {width} x {height}"));
            }
        }
    }
}

#[test]
fn edges_that_a_scaler_made_soft() {
    for version in [1, 6] {
        let code = code(version, EcLevel::M);
        let picture = bare(&code, BLACK, WHITE).framed(4, WHITE);
        for width in picture.width * 2..picture.width * 4 {
            let soft = picture.averaged(width);
            // The surroundings give the page another mean brightness than the code has.
            let page = soft.framed(width / 2, [100, 100, 100, 255]);
            for picture in [soft, page] {
                let what = format!("{version}, {width} of {} pixels", picture.width);
                assert_drawn(&picture.png(), &code, &what);
                let inverted = picture.recoloured(|[grey, .., alpha]| {
                    let grey = !grey;
                    [grey, grey, grey, alpha]
                });
                assert_drawn(&inverted.png(), &code, &format!("{what}, inverted"));
            }
        }
    }
}

/// The finder patterns are complete. All other dark modules are dots in the middle of their
/// squares.
#[test]
fn dots_for_modules() {
    let code = code(3, EcLevel::M);
    let far = code.len() - 7;
    let mut picture = Picture::new(code.len() * 12, code.len() * 12, WHITE);
    for (y, row) in code.iter().enumerate() {
        for (x, module) in row.iter().enumerate() {
            let finder = (x < 7 && (y < 7 || y >= far)) || (x >= far && y < 7);
            if *module && finder {
                picture.fill(x * 12, y * 12, 12, 12, BLACK);
            } else if *module {
                picture.fill(x * 12 + 3, y * 12 + 3, 6, 6, BLACK);
            }
        }
    }
    assert_drawn(&picture.framed(48, WHITE).png(), &code, "dots");
}

#[test]
fn ink_that_has_spread() {
    let code = code(3, EcLevel::M);
    for (dark, light) in [(BLACK, WHITE), (WHITE, BLACK)] {
        let mut picture = Picture::new(code.len() * 10 + 4, code.len() * 10 + 4, light);
        for (y, row) in code.iter().enumerate() {
            for (x, module) in row.iter().enumerate() {
                if *module {
                    picture.fill(x * 10, y * 10, 14, 14, dark);
                }
            }
        }
        assert_drawn(
            &picture.framed(40, light).png(),
            &code,
            &format!("{dark:?}"),
        );
    }
}

#[test]
fn colours_and_contrasts() {
    let code = small();
    for (dark, light) in [
        ([0, 0, 128, 255], [255, 255, 0, 255]),
        ([120, 20, 20, 255], [210, 240, 210, 255]),
        ([100, 100, 100, 255], [120, 120, 120, 255]),
        ([0, 0, 0, 255], [20, 20, 20, 255]),
        ([240, 240, 240, 255], WHITE),
    ] {
        let picture = bare(&code, dark, light).framed(2, light);
        let picture = picture.scaled(picture.width * 3, picture.height * 3);
        for (dark, light) in [(dark, light), (light, dark)] {
            let what = format!("{dark:?} on {light:?}");
            let picture = picture.recoloured(|colour| if colour == dark { dark } else { light });
            assert_drawn(&picture.png_as(Kind::Rgba(8), false), &code, &what);
        }
    }
}

#[test]
fn light_on_dark_is_drawn_the_right_way_round() {
    let code = small();
    for quiet in [0, 4] {
        let picture = bare(&code, WHITE, BLACK).framed(quiet, BLACK);
        let picture = picture.scaled(picture.width * 3, picture.height * 3);
        assert_drawn(&picture.png(), &code, &format!("quiet {quiet}"));
    }
}

#[test]
fn transparent_parts_are_seen_on_white_and_else_on_black() {
    let code = small();
    let hidden_white = [255, 255, 255, 0];
    let half = [0, 0, 0, 128];
    for (dark, light) in [
        (BLACK, CLEAR),
        (BLACK, hidden_white),
        (half, hidden_white),
        (WHITE, CLEAR),
        (WHITE, hidden_white),
        (CLEAR, WHITE),
        (CLEAR, BLACK),
        (hidden_white, BLACK),
    ] {
        for kind in [Kind::Rgba(8), Kind::GreyAlpha(16), Kind::PaletteAlpha(2)] {
            let picture = bare(&code, dark, light).framed(4, light);
            let what = format!("{dark:?} on {light:?}, {kind:?}");
            assert_drawn(&picture.png_as(kind, false), &code, &what);
        }
    }
    let invisible = bare(&code, CLEAR, hidden_white);
    assert_eq!(
        error(&invisible.png_as(Kind::Rgba(8), false)),
        "no QR code in it: it has one colour"
    );
}

/// Codes on pages with other content around them.
#[test]
fn frames_captions_and_pictures_around() {
    let code = code(6, EcLevel::M);
    let inner = usual(&code, 3);
    let grey = |value| [value, value, value, 255];
    for colour in [0, 60, 128, 200, 250] {
        let framed = inner.framed(10, grey(colour));
        assert_drawn(&framed.png(), &code, &format!("a frame of {colour}"));
        let twice = framed.framed(30, WHITE).framed(4, BLACK);
        assert_drawn(
            &twice.png(),
            &code,
            &format!("a frame of {colour} on a page"),
        );

        let mut caption = inner.framed(60, WHITE);
        let below = caption.height - 40;
        for (at, x) in (10..caption.width - 20).step_by(9).enumerate() {
            caption.fill(x, below, 1 + at % 7, 20, grey(colour));
            caption.fill(x, 8, 5, 1 + at % 11, grey(colour));
        }
        assert_drawn(&caption.png(), &code, &format!("a caption of {colour}"));
    }
    // Little contrast in the code, much contrast around it.
    let faint = inner.recoloured(|pixel| if pixel == BLACK { grey(110) } else { grey(150) });
    let mut page = faint.framed(150, WHITE);
    page.fill(0, 0, 250, 100, BLACK);
    assert_drawn(&page.png(), &code, "a faint code on a page");

    let bleached = inner.recoloured(|pixel| if pixel == BLACK { grey(150) } else { grey(230) });
    let mut page = bleached.framed(100, BLACK);
    page.fill(0, 0, 100, 100, WHITE);
    assert_drawn(&page.png(), &code, "a pale code on a dark page");

    let mut noisy = inner.framed(80, WHITE);
    let mut random = Random(1);
    for y in 0..noisy.height {
        for x in 0..noisy.width {
            let outside = |at| !(75..inner.width + 85).contains(&at);
            if outside(x) || outside(y) {
                noisy.fill(x, y, 1, 1, grey(random.byte()));
            }
        }
    }
    assert_drawn(&noisy.png(), &code, "noise around");
}

/// Other squares in the picture must not count as corners of the code.
#[test]
fn more_finder_patterns_than_three() {
    let code = small();
    let mut finder = bare(&code, BLACK, WHITE);
    finder.pixels.truncate(7 * finder.width);
    finder.height = 7;
    let with = |more: usize| {
        let mut picture = bare(&code, BLACK, WHITE).framed(40, WHITE);
        for place in 0..more {
            for (y, row) in finder.pixels.chunks(finder.width).enumerate() {
                for (x, pixel) in row.iter().take(7).enumerate() {
                    let (left, top) = (place % 10 * 10 + 2, place / 10 * 70 + 10);
                    picture.fill(left + x, top + y, 1, 1, *pixel);
                }
            }
        }
        picture.scaled(picture.width * 2, picture.height * 2).png()
    };
    assert_drawn(&with(1), &code, "one more");
    assert_drawn(&with(13), &code, "thirteen more");
    // Counting stops at 17.
    for more in [14, 20] {
        assert!(error(&with(more)).contains("17 found"));
    }
}

/// Nested squares with other widths or heights than a finder pattern.
#[test]
fn what_resembles_a_finder_pattern() {
    let code = small();
    let nested = |picture: &mut Picture, left: usize, widths: [usize; 3], heights: [usize; 3]| {
        let (mut x, mut y, mut colour) = (left, 20, BLACK);
        for ring in 0..3 {
            let wide = widths[ring..].iter().map(|width| 2 * width).sum();
            let high = heights[ring..].iter().map(|height| 2 * height).sum();
            picture.fill(x, y, wide, high, colour);
            (x, y) = (x + widths[ring], y + heights[ring]);
            colour = if colour == BLACK { WHITE } else { BLACK };
        }
    };
    // Half of the middle, the light ring and the dark ring. A finder pattern has 2, 2, 3.
    for (widths, heights) in [
        ([4, 4, 6], [8, 8, 12]),
        ([4, 4, 6], [4, 8, 6]),
        ([4, 4, 6], [2, 2, 10]),
    ] {
        let mut picture = usual(&code, 7).framed(120, WHITE);
        for place in 0..14 {
            nested(&mut picture, place * 32 + 10, widths, heights);
        }
        assert_drawn(&picture.png(), &code, &format!("{widths:?}, {heights:?}"));
    }
}

#[test]
fn what_is_no_qr_code_says_so() {
    let mut random = Random(2);
    let grey = |value| [value, value, value, 255];
    let mut noise = Picture::new(300, 300, WHITE);
    for pixel in &mut noise.pixels {
        *pixel = grey(random.byte());
    }
    let mut photo = Picture::new(300, 200, WHITE);
    for (at, pixel) in photo.pixels.iter_mut().enumerate() {
        let (x, y) = (at % 300, at / 300);
        let wave = (x * x / 90 + y * y / 70 + x * y / 80) % 256;
        *pixel = grey(u8::try_from(wave / 2).unwrap() + random.byte() / 8);
    }
    let mut squares = Picture::new(400, 400, WHITE);
    for (at, pixel) in squares.pixels.iter_mut().enumerate() {
        *pixel = grey(if (at / 8 + at / 3200) % 2 == 0 {
            0
        } else {
            255
        });
    }
    for (picture, expected) in [
        (&noise, "no QR code in it: three finder patterns needed"),
        (
            &photo,
            "no QR code in it: three finder patterns needed (the squares in the corners), 0 found",
        ),
        (
            &squares,
            "no QR code in it: three finder patterns needed (the squares in the corners), 0 found",
        ),
        (
            &Picture::new(1, 1, BLACK),
            "no QR code in it: it has one colour",
        ),
        (
            &Picture::new(300, 1, WHITE),
            "no QR code in it: it has one colour",
        ),
    ] {
        let error = error(&picture.png());
        assert!(error.starts_with(expected), "{error}");
    }
}

/// If one module of the fixed patterns is wrong, the picture is not accepted as a QR code.
#[test]
fn a_damaged_pattern_is_an_error() {
    for version in [1, 7] {
        let code = code(version, EcLevel::L);
        let side = code.len();
        let mut fixed = vec![(8, side - 8)];
        for at in 0..8 {
            for other in 0..8 {
                fixed.push((at, other));
                fixed.push((side - 1 - at, other));
                fixed.push((at, side - 1 - other));
            }
        }
        for at in 8..side - 8 {
            fixed.push((at, 6));
            fixed.push((6, at));
        }
        for (x, y) in fixed {
            let mut damaged = code.clone();
            damaged[y][x] = !damaged[y][x];
            let error = error(&usual(&damaged, 2).png_as(Kind::Grey(1), false));
            assert!(error.starts_with("no QR code in it: "), "{x}, {y}: {error}");
        }
    }
}

/// The error is from the attempt that found most, over both backdrops and all thresholds.
#[test]
fn a_missing_finder_pattern_is_an_error() {
    let code = small();
    let far = code.len() - 7;
    let grey = [100, 100, 100, 255];
    for (left, top) in [(0, 0), (far, 0), (0, far)] {
        for (dark, light) in [
            (BLACK, WHITE),
            (BLACK, CLEAR),
            (WHITE, CLEAR),
            (BLACK, grey),
        ] {
            let mut picture = bare(&code, dark, light).framed(4, light);
            picture.fill(left + 4, top + 4, 7, 7, light);
            picture.fill(0, 0, 9, 1, WHITE);
            let error = error(&picture.png_as(Kind::Rgba(8), false));
            let found = "three finder patterns needed (the squares in the corners), 2 found";
            assert_eq!(error, format!("no QR code in it: {found}"));
        }
    }
}

/// Some columns of pixels are missing, so modules are in the wrong places.
#[test]
fn a_picture_with_columns_cut_out_is_an_error() {
    let code = small();
    let picture = usual(&code, 4);
    let without = |cut: &[usize]| {
        let mut moved = Picture::new(picture.width, picture.height, WHITE);
        for y in 0..picture.height {
            let kept = (0..picture.width).filter(|x| !cut.contains(x));
            for (x, from) in kept.enumerate() {
                moved.pixels[y * moved.width + x] = picture.pixels[y * picture.width + from];
            }
        }
        error(&moved.png())
    };
    // One module. Its neighbours become one.
    let one: Vec<usize> = (60..64).collect();
    assert_eq!(
        without(&one),
        "no QR code in it: it has 23 modules a side, going by its timing pattern"
    );
    // As many modules as there are between two versions.
    let four: Vec<usize> = (60..76).collect();
    assert!(without(&four).contains("three corners of a square"));
    // Half of each of six modules.
    let halves: Vec<usize> = (60..84).filter(|x| x % 4 < 2).collect();
    assert_eq!(
        without(&halves),
        "no QR code in it: its modules differ in size"
    );
}

/// All fixed patterns, in a size that is no version's.
#[test]
fn a_side_of_no_version_is_an_error() {
    for side in [17, 19, 23, 181] {
        let finder = |x: usize, y: usize| !matches!(x.abs_diff(3).max(y.abs_diff(3)), 2 | 4..);
        let far = side - 7;
        let code: Matrix = (0..side)
            .map(|y| {
                let module = |x: usize| match (x >= far, y >= far) {
                    _ if x < 8 && y < 8 => finder(x, y),
                    (true, _) if y < 8 => finder(x - far, y),
                    (_, true) if x < 8 => finder(x, y - far),
                    _ => (x == 6 || y == 6) && (x + y).is_multiple_of(2),
                };
                (0..side).map(module).collect()
            })
            .collect();
        let error = error(&usual(&code, 2).png());
        assert!(
            error.contains(&format!("it has {side} modules a side")),
            "{error}"
        );
    }
}

#[test]
fn a_png_that_ends_too_early_is_an_error() {
    let code = small();
    for interlaced in [false, true] {
        let png = bare(&code, BLACK, WHITE).png_as(Kind::Grey(1), interlaced);
        assert_drawn(&png, &code, "whole");
        for length in 0..png.len() {
            let error = error(&png[..length]);
            let expected = if length < 8 {
                "not a PNG"
            } else {
                "the PNG is damaged: "
            };
            assert!(error.starts_with(expected), "{length}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error() {
    let mut chunks = bare(&small(), BLACK, WHITE).chunks(Kind::PaletteAlpha(1), false);
    chunks.insert(1, (*b"gAMA", vec![0, 0, 0, 1]));
    let png = assemble(&chunks);
    assert_drawn(&png, &small(), "whole");
    for at in 0..png.len() {
        for bit in 0..8 {
            let mut flipped = png.clone();
            flipped[at] ^= 1 << bit;
            let error = error(&flipped);
            let damaged = ["not a PNG", "the PNG is damaged: ", "larger than "];
            assert!(
                damaged.iter().any(|start| error.starts_with(start)),
                "bit {bit} of byte {at}: {error}"
            );
        }
    }
}

/// Chunks with valid checksums and random content. Each must give a drawing or an error.
#[test]
fn made_up_chunks_do_no_harm() {
    let mut random = Random(3);
    let picture = bare(&code(1, EcLevel::L), BLACK, WHITE);
    let names = [
        *b"IHDR",
        *b"PLTE",
        *b"tRNS",
        *b"IDAT",
        *b"IEND",
        *b"acTL",
        *b"fcTL",
        *b"fdAT",
        *b"sBIT",
        *b"iCCP",
        *b"zTXt",
        *b"eXIf",
        *b"bKGD",
        *b"\x1b[2J",
    ];
    for _ in 0..300 {
        for kind in KINDS {
            let mut chunks = picture.chunks(kind, random.byte() < 128);
            for _ in 0..=random.below(3) {
                let place = random.below(chunks.len());
                match random.below(4) {
                    0 => {
                        let name = names[random.below(names.len())];
                        let data = (0..random.below(40)).map(|_| random.byte());
                        let chunk = (name, data.collect());
                        chunks.insert(place, chunk);
                    }
                    1 if chunks.len() > 1 => {
                        chunks.remove(place);
                    }
                    _ => {
                        let data = &mut chunks[place].1;
                        if !data.is_empty() {
                            let at = random.below(data.len());
                            data[at] = random.byte();
                        }
                    }
                }
            }
            let answer = draw(&assemble(&chunks), Style::Ascii, Background::Light);
            if let Err(error) = answer {
                let error = error.to_string();
                assert!(!error.contains(char::is_control), "{error:?}");
                assert!(error.len() < 300, "{error:?}");
            }
        }
    }
}

#[test]
fn a_size_that_is_too_large_is_refused_before_anything_is_made_for_it() {
    // There is no image data, so the size must be checked before the data.
    for (width, height) in [
        (2049, 1),
        (1, 2049),
        (0x7fff_ffff, 0x7fff_ffff),
        (0x7fff_ffff, 1),
    ] {
        let png = assemble(&[header(width, height, 8, 6, false)]);
        assert_eq!(
            error(&png),
            "larger than 2048 x 2048 pixels",
            "{width} x {height}"
        );
    }
    for (width, height) in [(0, 1), (1, 0), (0, 0)] {
        let error = error(&assemble(&[header(width, height, 8, 0, false)]));
        assert!(error.starts_with("the PNG is damaged: "), "{error}");
    }
    let code = small();
    let largest = bare(&code, BLACK, WHITE).scaled(image::MAX_SIDE, image::MAX_SIDE);
    assert_drawn(&largest.png_as(Kind::Grey(1), false), &code, "the largest");
}

#[test]
fn what_stands_beside_the_image_is_passed_over_or_refused() {
    let code = small();
    let with = |name: &[u8; 4], data: Vec<u8>, times: usize| {
        let mut chunks = bare(&code, BLACK, WHITE).chunks(Kind::Grey(1), false);
        let more: Vec<Chunk> = vec![(*name, data); times];
        chunks.splice(1..1, more);
        assemble(&chunks)
    };
    let mebibyte = vec![b'x'; 1 << 20];
    for name in [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"prIv"] {
        assert_drawn(&with(name, mebibyte.clone(), 1), &code, "a large chunk");
    }
    assert_drawn(&with(b"tEXt", vec![b'x'], 50_000), &code, "many chunks");
    assert_drawn(&with(b"IDAT", Vec::new(), 900), &code, "many empty data");
    for name in [b"IDAT", b"fdAT"] {
        let png = with(name, Vec::new(), 100_000);
        assert_eq!(error(&png), "more than 1000 chunks of data");
    }
    assert!(error(&with(b"eXIf", mebibyte, 1)).contains("limits"));
    let file = vec![b'x'; image::MAX_FILE];
    assert_eq!(error(&with(b"tEXt", file, 1)), "larger than 1572864 bytes");
}

#[test]
fn what_a_png_says_reaches_the_log_only_as_text() {
    let mut chunks = bare(&small(), BLACK, WHITE).chunks(Kind::Grey(1), false);
    chunks.insert(1, (*b"\x1b\n\"\xff", Vec::new()));
    let error = error(&assemble(&chunks));
    assert!(error.starts_with("the PNG is damaged: "), "{error}");
    assert!(!error.contains('"'), "{error}");
    assert_eq!(self::error(b"GIF89a"), "not a PNG");
}

/// xorshift32, with the same sequence in each run.
struct Random(u32);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.to_le_bytes()[1]
    }

    fn below(&mut self, bound: usize) -> usize {
        (usize::from(self.byte()) * 256 + usize::from(self.byte())) % bound
    }
}
