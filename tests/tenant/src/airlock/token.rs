//! A simulated hardware token: it scans a QR code and shows an OTP.

use std::fmt;

use rqrr::{Grid, PreparedImage, SimpleGrid};
use sha2::{Digest, Sha256};

use super::screen::{self, Background, NotFound};

/// A hardware token.
///
/// Its secret follows from its serial number, so it is public. How real tokens compute an OTP is
/// not known: challenge and OTP are this server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    serial: String,
}

/// Why a token shows no OTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// There is no QR code.
    NoCode,
    /// The QR code lacks four light modules all around.
    NoQuietZone,
    /// Other characters are in the QR code.
    Torn,
    /// The modules cannot be decoded.
    Damaged,
    /// The QR code is for another token, or for another purpose.
    NotForThisToken,
    /// The image is not a PNG, or it is damaged.
    NoImage,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCode => "there is no QR code",
            Self::NoQuietZone => "the QR code lacks four light modules all around",
            Self::Torn => "the QR code is torn: other characters stand in it",
            Self::Damaged => "the QR code is damaged",
            Self::NotForThisToken => "the QR code is not for this token",
            Self::NoImage => "the image is no whole PNG",
        })
    }
}

impl std::error::Error for ScanError {}

impl Token {
    /// The token with this serial number.
    #[must_use]
    pub fn new(serial: impl Into<String>) -> Self {
        Self {
            serial: serial.into(),
        }
    }

    /// The OTP for the QR code on a screen. The code may be drawn with half blocks or with two
    /// ASCII characters a module, for a dark or a light background. Text may surround it. The
    /// lowest of several codes counts.
    ///
    /// # Errors
    /// When there is no such code, or it is for another token.
    pub fn read(&self, screen: &str) -> Result<String, ScanError> {
        match self.read_on(screen, Background::Dark) {
            Err(ScanError::NoCode) => self.read_on(screen, Background::Light),
            result => result,
        }
    }

    /// The OTP for a screen with a known background. A code that was drawn for the other background
    /// cannot be read.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_on(&self, screen: &str, background: Background) -> Result<String, ScanError> {
        let modules = screen::find(screen, background).map_err(|unseen| match unseen {
            NotFound::Nothing => ScanError::NoCode,
            NotFound::NoQuietZone => ScanError::NoQuietZone,
            NotFound::Torn => ScanError::Torn,
        })?;
        let grid = SimpleGrid::from_func(modules.side, |x, y| modules.is_dark(x, y));
        let mut payload = Vec::new();
        let decoded = Grid::new(grid).decode_to(&mut payload);
        decoded.map_err(|_| ScanError::Damaged)?;
        self.answer(&payload)
    }

    /// The OTP for the QR code in a PNG.
    ///
    /// # Errors
    /// As for [`Self::read`], and when the image cannot be read.
    pub fn read_image(&self, png: &[u8]) -> Result<String, ScanError> {
        let (width, height, gray) = gray(png).ok_or(ScanError::NoImage)?;
        let mut image =
            PreparedImage::prepare_from_greyscale(width, height, |x, y| gray[y * width + x]);
        let grids = image.detect_grids();
        let grid = grids.first().ok_or(ScanError::NoCode)?;
        let mut payload = Vec::new();
        let decoded = grid.decode_to(&mut payload);
        decoded.map_err(|_| ScanError::Damaged)?;
        self.answer(&payload)
    }

    /// The OTP for the content of a QR code.
    ///
    /// # Errors
    /// When it is for another token.
    pub fn answer(&self, payload: &[u8]) -> Result<String, ScanError> {
        let rest = payload.strip_prefix(self.serial.as_bytes());
        match rest {
            Some([0, ..]) => Ok(self.otp(payload)),
            _ => Err(ScanError::NotForThisToken),
        }
    }

    /// The content of the QR code: bytes, most of them not text.
    pub(crate) fn challenge(&self) -> Vec<u8> {
        let mut nonce = [0; 16];
        getrandom::getrandom(&mut nonce).expect("the system has random bytes");
        [self.serial.as_bytes(), &[0], &nonce].concat()
    }

    pub(crate) fn otp(&self, challenge: &[u8]) -> String {
        let secret = format!("the simulated token {}", self.serial);
        let hash = Sha256::new()
            .chain_update(secret)
            .chain_update([0])
            .chain_update(challenge)
            .finalize();
        let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        format!("{:06}", number % 1_000_000)
    }
}

/// The width, the height and the brightness of each pixel on white paper.
fn gray(png: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let (samples, alpha) = match info.color_type {
        png::ColorType::Grayscale | png::ColorType::Indexed => (1, false),
        png::ColorType::GrayscaleAlpha => (2, true),
        png::ColorType::Rgb => (3, false),
        png::ColorType::Rgba => (4, true),
    };
    let brightness = |pixel: &[u8]| {
        let opacity = if alpha { pixel[samples - 1] } else { 255 };
        let colours = &pixel[..samples - usize::from(alpha)];
        let sum: usize = colours.iter().map(|colour| usize::from(*colour)).sum();
        let ink = (255 - sum / colours.len()) * usize::from(opacity) / 255;
        u8::try_from(255 - ink).unwrap_or(255)
    };
    let gray = pixels[..info.buffer_size()].chunks(samples).map(brightness);
    Some((
        usize::try_from(info.width).ok()?,
        usize::try_from(info.height).ok()?,
        gray.collect(),
    ))
}
