//! The QR code's image in all its variants.

use tenant::{Airlock, Image, ScanError, Token};

use crate::browser::{Browser, CHALLENGE, QR_OTP, is_done, start};

/// The token's result for an image.
fn scan(image: Image) -> Result<String, ScanError> {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in(&format!("image-{image}"));
    let png = browser.challenge();
    let otp = Token::new("GAQT12345678").read_image(&png)?;
    assert!(is_done(&browser.otp(QR_OTP, &otp)), "{image}");
    assert_eq!(tenant.airlock_problems(), [""; 0]);
    Ok(otp)
}

#[test]
fn good_images_can_be_scanned() {
    for image in [
        Image::Plain,
        Image::OneBit,
        Image::Palette,
        Image::Rgb,
        Image::Rgba,
        Image::Transparent,
        Image::SixteenBit,
        Image::Interlaced,
        Image::OnePixel,
        Image::Uneven,
        Image::NoQuietZone,
        Image::WideQuietZone,
        Image::OffCentre,
        Image::Large,
    ] {
        let otp = scan(image).unwrap_or_else(|error| panic!("{image}: {error}"));
        assert!(otp.len() == 6 && otp.bytes().all(|digit| digit.is_ascii_digit()));
    }
}

#[test]
fn images_are_of_their_kind() {
    use png::{BitDepth::*, ColorType::*};
    let tenant = start(Airlock::default());
    let look = |image: Image| {
        let mut browser = Browser::new(&tenant);
        browser.log_in(&format!("image-{image}"));
        let file = browser.challenge();
        let decoder = png::Decoder::new(std::io::Cursor::new(file));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let info = reader.info();
        let shape = (info.color_type, info.bit_depth, info.interlaced);
        (shape, info.width, info.height, pixels)
    };
    let shapes = [
        (Image::Plain, (Grayscale, Eight, false)),
        (Image::OneBit, (Grayscale, One, false)),
        (Image::Palette, (Indexed, One, false)),
        (Image::Rgb, (Rgb, Eight, false)),
        (Image::Rgba, (Rgba, Eight, false)),
        (Image::Transparent, (Rgba, Eight, false)),
        (Image::SixteenBit, (Grayscale, Sixteen, false)),
        (Image::Interlaced, (Grayscale, Eight, true)),
    ];
    for (image, shape) in shapes {
        assert_eq!(look(image).0, shape, "{image}");
    }
    // The first pixel belongs to the quiet zone, if there is one.
    let corner = |image| look(image).3[..4].to_vec();
    assert_eq!(corner(Image::Plain), [255; 4]);
    assert_eq!(corner(Image::NoQuietZone), [0; 4]);
    assert_eq!(corner(Image::Inverted), [0; 4]);
    assert_eq!(corner(Image::Rgba), [255; 4]);
    assert_eq!(corner(Image::Transparent), [0; 4]);
    // 25 modules a side, and the quiet zone.
    let size = |image| (look(image).1, look(image).2);
    assert_eq!(size(Image::Plain), (33 * 8, 33 * 8));
    assert_eq!(size(Image::OnePixel), (33, 33));
    assert_eq!(size(Image::Uneven), (112, 112));
    assert_eq!(size(Image::NoQuietZone), (25 * 8, 25 * 8));
    assert_eq!(size(Image::WideQuietZone), (65 * 8, 65 * 8));
    assert_eq!(size(Image::Large), ((97 + 8) * 8, (97 + 8) * 8));
    let (width, height) = size(Image::OffCentre);
    assert!(width > 2 * height);
}

#[test]
fn bad_images_cannot() {
    for image in [Image::NotPng, Image::Truncated, Image::WrongCrc] {
        assert_eq!(scan(image), Err(ScanError::NoImage), "{image}");
    }
    assert_eq!(scan(Image::NoCode), Err(ScanError::NoCode));
}

#[test]
fn some_are_no_base64_png_at_all() {
    let tenant = start(Airlock::default());
    let told = |image: Image| {
        let mut browser = Browser::new(&tenant);
        browser.log_in(&format!("image-{image}"));
        let answer = browser.post(CHALLENGE, "").json();
        answer["data"]["attributes"].get("challengeImage").cloned()
    };
    assert_eq!(told(Image::Missing), None);
    assert!(told(Image::Null).unwrap().is_null());
    assert_eq!(told(Image::Empty).unwrap(), "");
    assert!(
        told(Image::NotBase64)
            .unwrap()
            .as_str()
            .unwrap()
            .contains('!')
    );
    let data_url = told(Image::DataUrl).unwrap();
    assert!(
        data_url
            .as_str()
            .unwrap()
            .starts_with("data:image/png;base64,iVBOR")
    );
    let bomb = told(Image::Bomb).unwrap().as_str().unwrap().len();
    assert!(bomb < 50_000, "{bomb}");
}

#[test]
fn only_the_right_token_answers() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in("token");
    let png = browser.challenge();
    for serial in ["GAQT87654321", "GAQT1234567", ""] {
        assert_eq!(
            Token::new(serial).read_image(&png),
            Err(ScanError::NotForThisToken)
        );
    }
}
