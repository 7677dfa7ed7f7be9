//! Images without a QR code, and images that attack their reader. The user is told that the code
//! cannot be shown, and the log has the reason. The OTP that is typed is wrong here.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::airlock::{At, log_in};
use super::table::{assert_end, run_all, text};

#[test]
fn no_picture_but_a_qr_code_is_drawn() {
    run_all(
        &rows(),
        |row| row.name,
        |_| false,
        |row| {
            let login = log_in(At::Picture, text(document(&row.image)));
            let name = row.name;
            assert_end(
                name,
                &login,
                "PAM_MAXTRIES",
                row.end.word(),
                LONGEST,
                MORE_KILOBYTES,
            );
            let screen = login.screen();
            let said = match row.end {
                End::NotDrawn => {
                    assert!(
                        login
                            .log()
                            .contains("hint=\"the QR code could not be drawn: "),
                        "{name}"
                    );
                    &["Password: ", NOT_SHOWN, "Login refused."][..]
                }
                End::BadAnswer => &["Password: ", "Login refused."],
            };
            assert_eq!(screen, said, "{name}");
        },
    );
}

/// As in a terminal, with the line ends as `pam_host` writes them.
const NOT_SHOWN: &str =
    "The QR code cannot be shown here: please tell your administrator.\\x0aOTP: ";
/// The answer of 2 MiB, its image, a copy of the base64, and the bitmap of 4 MiB may be in memory
/// together. An image that is decompressed without a limit takes 32 MiB here.
const MORE_KILOBYTES: u64 = 12 << 10;

/// In seconds. Decoding an image cannot be interrupted.
const LONGEST: u64 = 4;

/// A row. All rows end in `PAM_MAXTRIES`.
pub struct Row {
    pub name: &'static str,
    /// The JSON value of the image.
    image: String,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    /// `wrong-otp`, because the OTP is wrong.
    NotDrawn,
    /// `bad-answer`: the answer cannot be parsed.
    BadAnswer,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            Self::NotDrawn => "wrong-otp",
            Self::BadAnswer => "bad-answer",
        }
    }
}

pub fn rows() -> Vec<Row> {
    vec![
        // Invalid base64, and values that are not text.
        json("a picture of no bytes", "\"\""),
        json("a picture that is no base64", "\"<svg/>\""),
        json("a picture in the other base64", "\"iVBORw0KGgo_-_\""),
        json("a picture in half a character", "\"A\""),
        json("a picture with padding inside", "\"iVBO==Rw0KGgo=\""),
        json(
            "a picture as a data url",
            format!("\"data:image/png;base64,{}\"", STANDARD.encode(qr(|_| {}))),
        ),
        json(
            "a picture as a data url of text",
            "\"data:text/html,<script>\"",
        ),
        json("a picture as a url", "\"https://localhost/picture.png\""),
        json("a picture as a file", "\"file:///etc/passwd\""),
        bad("a picture that is null", "null"),
        bad("a picture that is a number", "12"),
        bad("a picture that is a list", "[137,80,78,71]"),
        bad("a picture that is an object", "{}"),
        bad("a picture of half a pair", "\"\\ud800\""),
        bad(
            "a picture of ten megabytes",
            format!("\"{}\"", "A".repeat(10 << 20)),
        ),
        json(
            "a picture of blanks",
            format!("\"{}\"", " ".repeat(2_000_000)),
        ),
        // Not a PNG.
        file("a jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01".to_vec()),
        file("a gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
        file(
            "an svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        ),
        file("a bmp", b"BM\x1a\0\0\0\0\0\0\0".to_vec()),
        file("a pdf", b"%PDF-1.7\n".to_vec()),
        file("escape sequences", b"\x1b[2J\x1b]0;x\x07".to_vec()),
        file(
            "a png whose line ends were changed",
            with_start(b"\x89PNG\n\x1a\n"),
        ),
        file(
            "a png whose high bit was taken",
            with_start(b"\x09PNG\r\n\x1a\n"),
        ),
        // Headers.
        file("a png of its signature alone", SIGNATURE.to_vec()),
        file("a png without a header", png(&[end()])),
        file(
            "a png with its header second",
            png(&[data(&[0]), header(1, 1, 8, 0), end()]),
        ),
        file(
            "a png with two headers",
            png(&[
                header(8, 8, 8, 0),
                header(1, 1, 8, 0),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png with a short header",
            png(&[chunk(*b"IHDR", &[0; 12]), end()]),
        ),
        file(
            "a png with a long header",
            png(&[chunk(*b"IHDR", &[0; 14]), end()]),
        ),
        size("a png of width 0", 0, 8),
        size("a png of height 0", 8, 0),
        size("a png of 65535 by 65535", 65_535, 65_535),
        size("a png of 2 to the 31 by 1", 0x8000_0000, 1),
        size("a png of 1 by 2 to the 31", 1, 0x7fff_ffff),
        size("a png of 2 to the 32", u32::MAX, u32::MAX),
        size("a png of 2049 by 1", 2_049, 1),
        size("a png of 1 by 2049", 1, 2_049),
        kind("a png of depth 0", 0, 0),
        kind("a png of depth 3", 3, 0),
        kind("a png of depth 255", 255, 0),
        kind("a png of 1 bit in colours", 1, 2),
        kind("a png of colour type 1", 8, 1),
        kind("a png of colour type 5", 8, 5),
        kind("a png of colour type 255", 8, 255),
        kind("a png with a palette of 16 bits", 16, 3),
        kind("a png without its palette", 8, 3),
        method("a png of another compression", 10),
        method("a png of another filter", 11),
        method("a png of another interlacing", 12),
        // Palettes.
        palette("a palette of four bytes", &[0; 4]),
        palette("a palette of no colour", &[]),
        palette("a palette of 257 colours", &[0; 771]),
        palette("a palette of 100 kilobytes", &[0; 99_999]),
        file(
            "a palette behind the data",
            png(&[
                header(8, 8, 8, 3),
                data(&gray(8)),
                chunk(*b"PLTE", &[0; 3]),
                end(),
            ]),
        ),
        file(
            "a palette that its pixels leave",
            png(&[
                header(8, 8, 8, 3),
                chunk(*b"PLTE", &[0; 3]),
                data(&rows_of(8, |_, _| 9)),
                end(),
            ]),
        ),
        // Data.
        file("a png without data", png(&[header(8, 8, 8, 0), end()])),
        file(
            "a png with no data in its data",
            png(&[header(8, 8, 8, 0), chunk(*b"IDAT", &[]), end()]),
        ),
        file(
            "a png of data not packed",
            png(&[header(8, 8, 8, 0), chunk(*b"IDAT", &gray(8)), end()]),
        ),
        file(
            "a png of data of zeros",
            png(&[header(8, 8, 8, 0), chunk(*b"IDAT", &[0; 100]), end()]),
        ),
        file(
            "a png of too few rows",
            png(&[header(8, 8, 8, 0), data(&gray(8)[..40]), end()]),
        ),
        file(
            "a png of filter 9",
            png(&[header(8, 8, 8, 0), data(&[9; 72]), end()]),
        ),
        file(
            "a png that unpacks to 32 megabytes",
            png(&[header(8, 8, 8, 0), data(&vec![0; 32 << 20]), end()]),
        ),
        file(
            "a png of one row that unpacks to 32 megabytes",
            png(&[header(2_048, 1, 16, 6), data(&vec![0; 32 << 20]), end()]),
        ),
        file(
            "a png of a hundred thousand empty data",
            png(&[
                vec![header(8, 8, 8, 0)],
                vec![chunk(*b"IDAT", &[]); 100_000],
                vec![end()],
            ]
            .concat()),
        ),
        file(
            "a png of data in a text",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"tEXt", &packed(&gray(8))),
                end(),
            ]),
        ),
        // Chunks.
        file(
            "a png with a chunk of 2 gigabytes",
            png(&[header(8, 8, 8, 0), long(0x7fff_ffff)]),
        ),
        file(
            "a png with a chunk of 4 gigabytes",
            png(&[header(8, 8, 8, 0), long(u32::MAX)]),
        ),
        file(
            "a png with a chunk of no known kind that matters",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"ABCD", &[]),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png with a chunk named in escape sequences",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"\x1b[2J", &[]),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png with a text that unpacks to 32 megabytes",
            bombed(*b"zTXt", b"x\0\0"),
        ),
        file(
            "a png with a profile that unpacks to 32 megabytes",
            bombed(*b"iCCP", b"x\0\0"),
        ),
        file(
            "a png with an international text that unpacks so",
            bombed(*b"iTXt", b"x\0\x01\0\0\0"),
        ),
        file(
            "a png with exif of a megabyte",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"eXIf", &vec![0; 1 << 20]),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png with ten thousand texts",
            png(&[
                vec![header(8, 8, 8, 0)],
                vec![chunk(*b"tEXt", b"x\0y"); 10_000],
                vec![data(&gray(8)), end()],
            ]
            .concat()),
        ),
        file(
            "a png with transparency that is too long",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"tRNS", &[0; 1_000]),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png that moves, with a billion frames",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"acTL", &[0x3b, 0x9a, 0xca, 0, 0, 0, 0, 0]),
                data(&gray(8)),
                end(),
            ]),
        ),
        file(
            "a png that moves, with a frame outside",
            png(&[
                header(8, 8, 8, 0),
                chunk(*b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]),
                chunk(*b"fcTL", &[0xff; 26]),
                data(&gray(8)),
                end(),
            ]),
        ),
        // A good PNG with one mistake.
        file("a qr code of 5800 by 5800", scaled(200)),
        file(
            "a qr code cut in half",
            qr(|png| png.truncate(png.len() / 2)),
        ),
        file(
            "a qr code without the last byte",
            qr(|png| png.truncate(png.len() - 1)),
        ),
        file(
            "a qr code without its end",
            qr(|png| png.truncate(png.len() - 12)),
        ),
        file(
            "a qr code with a bit else in its header",
            qr(|png| png[19] ^= 1),
        ),
        file(
            "a qr code with a bit else in its data",
            qr(|png| {
                let place = png.len() - 20;
                png[place] ^= 1;
            }),
        ),
        file(
            "a qr code whose header's sum is wrong",
            qr(|png| png[29] ^= 1),
        ),
        // No QR code.
        file(
            "white",
            png(&[header(64, 64, 8, 0), data(&rows_of(64, |_, _| 255)), end()]),
        ),
        file(
            "black",
            png(&[header(64, 64, 8, 0), data(&rows_of(64, |_, _| 0)), end()]),
        ),
        file("a pixel", png(&[header(1, 1, 8, 0), data(&[0, 0]), end()])),
        file(
            "a chess board",
            png(&[
                header(64, 64, 8, 0),
                data(&rows_of(64, |x, y| if (x + y) % 2 == 0 { 0 } else { 255 })),
                end(),
            ]),
        ),
        file(
            "stripes",
            png(&[
                header(256, 256, 8, 0),
                data(&rows_of(256, |x, _| if x % 2 == 0 { 0 } else { 255 })),
                end(),
            ]),
        ),
        file(
            "noise that is all edges",
            png(&[
                header(2_048, 2_048, 8, 0),
                data(&rows_of(2_048, noise)),
                end(),
            ]),
        ),
        file(
            "a chess board of 2048 by 2048",
            png(&[
                header(2_048, 2_048, 8, 0),
                data(&rows_of(
                    2_048,
                    |x, y| if (x ^ y) & 1 == 0 { 0 } else { 255 },
                )),
                end(),
            ]),
        ),
        file(
            "nothing but corners of qr codes",
            png(&[
                header(1_024, 1_024, 8, 0),
                data(&rows_of(1_024, corners)),
                end(),
            ]),
        ),
    ]
}

fn document(image: &str) -> String {
    format!(
        r#"{{"data":{{"type":"authentication.airlock-2fa.offline-qr-code.challenge","id":"1","attributes":{{"challengeImage":{image}}}}}}}"#
    )
}

fn json(name: &'static str, image: impl Into<String>) -> Row {
    let (image, end) = (image.into(), End::NotDrawn);
    Row { name, image, end }
}

fn bad(name: &'static str, image: impl Into<String>) -> Row {
    let end = End::BadAnswer;
    Row {
        end,
        ..json(name, image)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "made for this call")]
fn file(name: &'static str, bytes: Vec<u8>) -> Row {
    json(name, format!("\"{}\"", STANDARD.encode(bytes)))
}

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG of these chunks (PNG Specification, third edition, section 5).
fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [SIGNATURE, &chunks.concat()].concat()
}

fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(content);
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length, &kind, content, &sum.sum().to_be_bytes()].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    chunk(*b"IHDR", &header_fields(width, height, depth, colour))
}

fn header_fields(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&sides[..], &[depth, colour, 0, 0, 0]].concat()
}

fn data(rows: &[u8]) -> Vec<u8> {
    chunk(*b"IDAT", &packed(rows))
}

fn end() -> Vec<u8> {
    chunk(*b"IEND", &[])
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// This many rows of this many grey pixels. Each row begins with its filter, which is none.
fn rows_of(side: usize, pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let mut rows = Vec::with_capacity(side * (side + 1));
    for y in 0..side {
        rows.push(0);
        rows.extend((0..side).map(|x| pixel(x, y)));
    }
    rows
}

fn gray(side: usize) -> Vec<u8> {
    rows_of(side, |_, _| 128)
}

fn size(name: &'static str, width: u32, height: u32) -> Row {
    file(
        name,
        png(&[header(width, height, 8, 0), data(&gray(8)), end()]),
    )
}

fn kind(name: &'static str, depth: u8, colour: u8) -> Row {
    file(
        name,
        png(&[header(8, 8, depth, colour), data(&[0; 600]), end()]),
    )
}

/// A header field that must be 0.
fn method(name: &'static str, place: usize) -> Row {
    let mut fields = header_fields(8, 8, 8, 0);
    fields[place] = 7;
    file(
        name,
        png(&[chunk(*b"IHDR", &fields), data(&gray(8)), end()]),
    )
}

fn palette(name: &'static str, colours: &[u8]) -> Row {
    let colours = chunk(*b"PLTE", colours);
    file(
        name,
        png(&[
            header(8, 8, 8, 3),
            colours,
            data(&rows_of(8, |_, _| 0)),
            end(),
        ]),
    )
}

/// A chunk with a wrong length.
fn long(length: u32) -> Vec<u8> {
    [&length.to_be_bytes()[..], b"IDAT", &[0; 100]].concat()
}

fn bombed(kind: [u8; 4], start: &[u8]) -> Vec<u8> {
    let bomb = [start, &packed(&vec![b'x'; 32 << 20])].concat();
    png(&[
        header(8, 8, 8, 0),
        chunk(kind, &bomb),
        data(&gray(8)),
        end(),
    ])
}

/// A good QR code with this change.
fn qr(change: fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut png = scaled(4);
    change(&mut png);
    png
}

/// A QR code with this many pixels a module.
fn scaled(scale: usize) -> Vec<u8> {
    let code = qrcode::QrCode::new(b"a challenge").unwrap();
    let (modules, colours) = (code.width(), code.to_colors());
    let side = (modules + 8) * scale;
    let pixel = |x: usize, y: usize| {
        let place = |at: usize| (at / scale).checked_sub(4).filter(|at| *at < modules);
        let dark = place(x)
            .zip(place(y))
            .is_some_and(|(x, y)| colours[y * modules + x] == qrcode::Color::Dark);
        if dark { 0 } else { 255 }
    };
    let length = u32::try_from(side).unwrap();
    png(&[
        header(length, length, 8, 0),
        data(&rows_of(side, pixel)),
        end(),
    ])
}

fn with_start(start: &[u8]) -> Vec<u8> {
    [start, &qr(|_| {})[start.len()..]].concat()
}

fn noise(x: usize, y: usize) -> u8 {
    let mixed = (x * 2_048 + y).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if mixed >> 61 & 1 == 0 { 0 } else { 255 }
}

/// Finder patterns of seven modules, side by side.
fn corners(x: usize, y: usize) -> u8 {
    let ring = |at: usize| (at % 8).abs_diff(3);
    match ring(x).max(ring(y)) {
        0 | 1 | 3 => 0,
        _ => 255,
    }
}
