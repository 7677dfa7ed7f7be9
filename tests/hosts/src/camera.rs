//! Takes pictures of the screen as a terminal draws it, and reads the QR codes in them with zbar,
//! which does not share code with the module.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use ab_glyph::{Font, FontVec, Glyph, ScaleFont, point};

use crate::terminal::Terminal;

/// The packages fonts-dejavu-core and fonts-dejavu-mono install it. ../suites names them.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf";
/// A character cell is 10 by 19 pixels.
const POINTS: f32 = 12.0;
/// The blur, from sharp to very soft. Block characters are read sharp. Letters join only when they
/// are blurred.
const FOCUS: [usize; 4] = [0, 3, 5, 7];

/// The background of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    Dark,
    Light,
}

/// The QR codes on the screen, in any order. Like a person with a camera, it tries until one focus
/// works.
pub fn scan(terminal: &Terminal, background: Background) -> Vec<Vec<u8>> {
    let screen = terminal.cells();
    FOCUS
        .iter()
        .map(|blur| qr_codes(&photograph(&screen, background, *blur)))
        .find(|codes| !codes.is_empty())
        .unwrap_or_default()
}

/// A picture of the screen as a PGM, without colours, down to the last line that is not empty. It
/// is sharp when `blur` is 0.
pub fn photograph(screen: &vt100::Screen, background: Background, blur: usize) -> Vec<u8> {
    let font = fs::read(FONT).unwrap_or_else(|error| panic!("{FONT}: {error}"));
    let font = FontVec::try_from_vec(font).expect(FONT);
    let scale = font.pt_to_px_scale(POINTS).expect("a scale");
    let metrics = font.as_scaled(scale);
    // Like a terminal: a cell is as wide as a letter and as high as a line of the font.
    let width = metrics.h_advance(font.glyph_id('0')).round();
    let height = (metrics.height() + metrics.line_gap()).round();

    let columns = screen.size().1.get();
    let lines: Vec<String> = screen.rows(0, columns).collect();
    let used = lines.iter().rposition(|line| !line.trim().is_empty());
    let rows = u16::try_from(used.map_or(1, |last| last + 2)).expect("as a screen has");
    let mut paper = Paper::new(width * f32::from(columns), height * f32::from(rows));
    for row in 0..rows {
        for column in 0..columns {
            let left = width * f32::from(column);
            let base = height * f32::from(row) + metrics.ascent();
            let cell = screen.cell(row, column).map_or("", vt100::Cell::contents);
            for sign in cell.chars() {
                let mut glyph = font.glyph_id(sign).with_scale(scale);
                glyph.position = point(left, base);
                paper.print(&font, glyph);
            }
        }
    }
    // Three box filters are close to the blur of a lens.
    for _ in 0..3 {
        paper.soften(blur);
    }
    paper.pgm(background)
}

/// The bytes of the QR codes in a picture. The codes must be dark on light.
pub fn qr_codes(picture: &[u8]) -> Vec<Vec<u8>> {
    let document = zbarimg(&["--xml", "-Sqrcode.binary"], picture);
    let document = String::from_utf8_lossy(&document);
    let lengths: Vec<usize> = document.split("<data").skip(1).map(length).collect();
    if lengths.is_empty() {
        return Vec::new();
    }
    // zbar up to 0.23.93 garbles bytes from 0x80 on in the XML. The raw output is right, but has no
    // separators.
    let mut bytes = zbarimg(&["--raw", "-Sbinary"], picture).into_iter();
    let mut next = |length| bytes.by_ref().take(length).collect();
    let codes = lengths.into_iter().map(&mut next).collect();
    assert_eq!(bytes.len(), 0, "zbarimg contradicts itself: {document}");
    codes
}

/// Reads `<data format='base64' length='14'>…` or `<data><![CDATA[some text]]>…`.
fn length(data: &str) -> usize {
    let between = |from, to| Some(data.split_once(from)?.1.split_once(to)?.0);
    between("length='", "'").map_or_else(
        || between("<![CDATA[", "]]>").unwrap_or_default().len(),
        |length| length.parse().expect("a length"),
    )
}

fn zbarimg(arguments: &[&str], picture: &[u8]) -> Vec<u8> {
    let mut child = Command::new("zbarimg")
        .args(["--quiet", "--nodbus", "-Sdisable", "-Sqrcode.enable"])
        .args(arguments)
        .arg("pgm:-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("zbarimg");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(picture).expect("zbarimg reads");
    drop(stdin);
    let output = child.wait_with_output().expect("zbarimg");
    // Status 4: the picture has no code.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    output.stdout
}

/// How much of each pixel is covered with ink, row by row.
struct Paper(Vec<Vec<f32>>);

impl Paper {
    fn new(width: f32, height: f32) -> Self {
        Self(vec![vec![0.0; pixel(width)]; pixel(height)])
    }

    fn print(&mut self, font: &FontVec, glyph: Glyph) {
        let Some(outline) = font.outline_glyph(glyph) else {
            return; // a blank
        };
        let corner = outline.px_bounds().min;
        let (left, top) = (pixel(corner.x), pixel(corner.y));
        outline.draw(|x, y, coverage| {
            let row = self.0.get_mut(top + y as usize);
            if let Some(ink) = row.and_then(|row| row.get_mut(left + x as usize)) {
                *ink += (1.0 - *ink) * coverage;
            }
        });
    }

    /// Each pixel becomes the mean of those up to `radius` away.
    fn soften(&mut self, radius: usize) {
        if radius == 0 {
            return;
        }
        for _ in ["across", "down"] {
            let rows: Vec<_> = self.0.iter().map(|row| mean(row, radius)).collect();
            let columns = rows.first().map_or(0, Vec::len);
            self.0 = vec![Vec::with_capacity(rows.len()); columns];
            for row in rows {
                for (turned, ink) in self.0.iter_mut().zip(row) {
                    turned.push(ink);
                }
            }
        }
    }

    fn pgm(&self, background: Background) -> Vec<u8> {
        let width = self.0.first().map_or(0, Vec::len);
        let mut file = format!("P5 {width} {} 255\n", self.0.len()).into_bytes();
        file.extend(self.0.iter().flatten().map(|ink| match background {
            Background::Dark => brightness(*ink),
            Background::Light => brightness(1.0 - *ink),
        }));
        file
    }
}

/// The mean of the values up to `radius` away, for each place. There is no ink beyond the ends.
fn mean(row: &[f32], radius: usize) -> Vec<f32> {
    let edge = vec![0.0; radius];
    let mut sum = 0.0;
    let sums: Vec<f32> = [&[0.0], edge.as_slice(), row, edge.as_slice()]
        .concat()
        .iter()
        .map(|ink| {
            sum += ink;
            sum
        })
        .collect();
    let width = 2 * radius + 1;
    let pairs = sums.iter().zip(sums.iter().skip(width));
    #[expect(clippy::cast_precision_loss, reason = "a few pixels")]
    pairs.map(|(from, to)| (to - from) / width as f32).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn pixel(place: f32) -> usize {
    place as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn brightness(of_one: f32) -> u8 {
    (of_one * 255.0).round() as u8
}
