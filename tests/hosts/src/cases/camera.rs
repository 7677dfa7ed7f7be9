//! The camera: it reads what a scanner reads, and no more.

use std::fs;

use qrcode::{EcLevel, QrCode, Version};

use crate::TestCase;
use crate::camera::{Background, scan};
use crate::machine::Machine;
use crate::terminal::{Terminal, WIDE};

pub const CASES: &[TestCase] = &[
    case("camera/half-blocks", half_blocks),
    case("camera/ascii", ascii),
    case("camera/two-codes", two_codes),
    case("camera/wrong-background", wrong_background),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/bin/cat", run)
}

const BACKGROUNDS: [Background; 2] = [Background::Dark, Background::Light];

fn half_blocks(_: &mut Machine) {
    for background in BACKGROUNDS {
        for version in 2..=6 {
            let terminal = shows("C.UTF-8", &blocks(&code(version), background));
            assert_eq!(
                scan(&terminal, background),
                [payload(version)],
                "{version}, {background:?}"
            );
        }
    }
}

fn ascii(_: &mut Machine) {
    for background in BACKGROUNDS {
        for version in 2..=6 {
            let terminal = shows("C", &letters(&code(version), background));
            assert_eq!(
                scan(&terminal, background),
                [payload(version)],
                "{version}, {background:?}"
            );
        }
    }
}

/// Each code by itself, bytes as well as text.
fn two_codes(_: &mut Machine) {
    let text = QrCode::with_error_correction_level("Some text", EcLevel::M).expect("a code");
    for background in BACKGROUNDS {
        let both = [blocks(&code(3), background), blocks(&text, background)].join("\n");
        let mut seen = scan(&shows("C.UTF-8", &both), background);
        seen.sort();
        assert_eq!(seen, [payload(3), b"Some text".to_vec()]);
    }
}

/// Scanners require dark on light, and a light quiet zone.
fn wrong_background(_: &mut Machine) {
    let [dark, light] = BACKGROUNDS;
    for draw in [blocks, letters] {
        for (meant, is) in [(dark, light), (light, dark)] {
            let terminal = shows("C.UTF-8", &draw(&code(3), meant));
            assert_eq!(scan(&terminal, is), <[Vec<u8>; 0]>::default(), "{meant:?}");
        }
    }
}

/// A terminal that shows this drawing.
fn shows(locale: &str, drawing: &str) -> Terminal {
    let path = "/tmp/drawing";
    fs::write(path, drawing).expect(path);
    let mut terminal = Terminal::start_wide(WIDE, 0, locale, "cat", &[path]);
    assert!(terminal.end().success());
    terminal
}

/// As many bytes as fit, most of them not text.
fn payload(version: u8) -> Vec<u8> {
    let length = [14, 26, 42, 62, 84]
        .get(usize::from(version - 2))
        .expect("2 to 6");
    let bytes = (0..=u8::MAX).map(|byte| byte.wrapping_mul(37) ^ version);
    let first = *b"\0\n\r\"'<]]>\xff\x80\xc3";
    first.into_iter().chain(bytes).take(*length).collect()
}

fn code(version: u8) -> QrCode {
    let level = EcLevel::M;
    QrCode::with_version(payload(version), Version::Normal(version.into()), level).expect("a code")
}

/// The modules with four light ones around. `true` is drawn: the light ones on a dark background.
fn drawn(code: &QrCode, background: Background) -> Vec<Vec<bool>> {
    let width = code.width();
    let colors = code.to_colors();
    let light = background == Background::Dark;
    let mut rows = vec![vec![light; width + 8]; width + 8];
    for (row, colors) in rows.iter_mut().skip(4).zip(colors.chunks(width)) {
        for (module, color) in row.iter_mut().skip(4).zip(colors) {
            *module = color.select(!light, light);
        }
    }
    rows
}

fn blocks(code: &QrCode, background: Background) -> String {
    let rows = drawn(code, background);
    let line = |two: &[Vec<bool>]| -> String {
        let (upper, lower) = match two {
            [upper, lower] => (upper.clone(), lower.clone()),
            [upper] => (upper.clone(), vec![false; upper.len()]),
            _ => Default::default(),
        };
        let sign = |pair| match pair {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        upper
            .into_iter()
            .zip(lower)
            .map(sign)
            .chain(['\n'])
            .collect()
    };
    rows.chunks(2).map(line).collect()
}

fn letters(code: &QrCode, background: Background) -> String {
    // The characters that the module draws with.
    let ink = match background {
        Background::Dark => "MM",
        Background::Light => "[]",
    };
    let sign = |drawn| if drawn { ink } else { "  " };
    let line = |row: Vec<bool>| row.into_iter().map(sign).chain(["\n"]).collect::<String>();
    drawn(code, background).into_iter().map(line).collect()
}
