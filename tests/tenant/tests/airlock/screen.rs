//! The token reads the screen of a terminal. These tests draw their own codes.

use std::process::{Command, Stdio};

use png::{ColorType, Decoder};
use tenant::{Airlock, Background, ScanError, Token};

use crate::browser::{Browser, QR_OTP, is_done, start};

/// The modules of a plain image, which has 8 pixels a module and a quiet zone of four modules.
fn modules(file: &[u8]) -> Vec<Vec<bool>> {
    let mut reader = Decoder::new(std::io::Cursor::new(file))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().color_type, ColorType::Grayscale);
    let side = reader.info().width as usize;
    let mut pixels = vec![0; side * side];
    reader.next_frame(&mut pixels).unwrap();
    let row = |y: usize| {
        (4..side / 8 - 4)
            .map(|x| pixels[(8 * y + 3) * side + 8 * x + 3] == 0)
            .collect()
    };
    (4..side / 8 - 4).map(row).collect()
}

/// The code with this many light modules around it.
fn framed(modules: &[Vec<bool>], quiet: usize) -> Vec<Vec<bool>> {
    let side = modules.len();
    let dark = |x: usize, y: usize| {
        let row = modules.get(y.checked_sub(quiet)?)?;
        row.get(x.checked_sub(quiet)?).copied()
    };
    let row = |y| {
        (0..side + 2 * quiet)
            .map(|x| dark(x, y).unwrap_or(false))
            .collect()
    };
    (0..side + 2 * quiet).map(row).collect()
}

fn half_blocks(modules: &[Vec<bool>], background: Background) -> String {
    let ink =
        |dark: Option<&bool>| dark.is_some_and(|dark| *dark == (background == Background::Light));
    let lines = modules.chunks(2).map(|rows| {
        let cell = |x: usize| match (
            ink(rows[0].get(x)),
            ink(rows.get(1).and_then(|row| row.get(x))),
        ) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..rows[0].len()).map(cell).collect::<String>()
    });
    joined(lines)
}

fn ascii(modules: &[Vec<bool>], background: Background, ink: &str) -> String {
    let lines = modules.iter().map(|row| {
        let cell = |dark: &bool| {
            if *dark == (background == Background::Light) {
                ink
            } else {
                "  "
            }
        };
        row.iter().map(cell).collect::<String>()
    });
    joined(lines)
}

/// Terminals drop blanks at the end of a line.
fn joined(lines: impl Iterator<Item = String>) -> String {
    lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

const BACKGROUNDS: [Background; 2] = [Background::Dark, Background::Light];

/// All drawings of a code, with the background for each.
fn drawings(modules: &[Vec<bool>]) -> Vec<(String, Background)> {
    let all = BACKGROUNDS.map(|background| {
        [
            (half_blocks(modules, background), background),
            (ascii(modules, background, "##"), background),
            (ascii(modules, background, "[]"), background),
        ]
    });
    all.concat()
}

fn on_screen(drawing: &str) -> String {
    format!("$ ssh lee@host\n(lee@host) Password: \n(lee@host) \n{drawing}OTP: ")
}

fn challenge(user: &str) -> (tenant::Tenant, Browser, Vec<u8>) {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in(user);
    let file = browser.challenge();
    (tenant, browser, file)
}

#[test]
fn each_drawing_can_be_read_and_its_otp_is_right() {
    let token = Token::new("GAQT12345678");
    for nth in 0..6 {
        let (tenant, mut browser, file) = challenge("token");
        let framed = framed(&modules(&file), 4);
        let (drawing, background) = drawings(&framed).swap_remove(nth);
        let screen = on_screen(&drawing);
        let otp = token
            .read(&screen)
            .unwrap_or_else(|error| panic!("{error}\n{screen}"));
        assert_eq!(token.read_on(&screen, background), Ok(otp.clone()));
        assert_eq!(token.read_image(&file), Ok(otp.clone()));
        assert_eq!(
            Token::new("GAQT87654321").read(&screen),
            Err(ScanError::NotForThisToken)
        );
        assert!(is_done(&browser.otp(QR_OTP, &otp)));
        assert_eq!(tenant.airlock_problems(), [""; 0]);
    }
}

#[test]
fn a_drawing_may_stand_anywhere() {
    let (_tenant, _browser, file) = challenge("image-large.token");
    // 20 is an odd number of half blocks from the top.
    for quiet in [4, 5, 20] {
        for (drawing, _) in drawings(&framed(&modules(&file), quiet)) {
            let token = Token::new("GAQT12345678");
            let expected = token.read_image(&file);
            assert!(expected.is_ok());
            assert_eq!(token.read(&drawing), expected);
            let lines: Vec<&str> = drawing.lines().collect();
            let indented = format!("   {}\r\n", lines.join("\r\n   "));
            assert_eq!(token.read(&on_screen(&indented)), expected);
        }
    }
}

#[test]
fn the_lowest_code_counts() {
    let token = Token::new("GAQT12345678");
    let codes: Vec<_> = (0..2).map(|_| challenge("token").2).collect();
    let [old, new] = [0, 1].map(|nth| framed(&modules(&codes[nth]), 4));
    for ((above, _), (below, _)) in drawings(&old).into_iter().zip(drawings(&new)) {
        let screen = format!("{}\nWrong.\n{}", on_screen(&above), on_screen(&below));
        assert_eq!(token.read(&screen), token.read_image(&codes[1]));
    }
}

#[test]
fn a_quiet_zone_is_needed() {
    let (_tenant, _browser, file) = challenge("token");
    for (drawing, background) in drawings(&framed(&modules(&file), 3)) {
        let token = Token::new("GAQT12345678");
        // On a light background, the blanks around it do as well.
        let text_above = format!("{}\n{drawing}{}", "x".repeat(99), "x".repeat(99));
        assert_eq!(
            token.read_on(&text_above, background),
            Err(ScanError::NoQuietZone)
        );
    }
}

#[test]
fn a_wrong_background_a_broken_line_and_a_changed_module_are_seen() {
    let (_tenant, _browser, file) = challenge("token");
    let token = Token::new("GAQT12345678");
    let modules = modules(&file);
    for (drawing, background) in drawings(&framed(&modules, 4)) {
        let other = BACKGROUNDS[usize::from(background == Background::Dark)];
        assert_eq!(token.read_on(&drawing, other), Err(ScanError::NoCode));
        // A message in the middle of the code.
        let lines: Vec<&str> = drawing.lines().collect();
        let middle: String = format!("{:40}", lines[lines.len() / 2])
            .chars()
            .enumerate()
            .map(|(at, c)| if at == 24 { 'é' } else { c })
            .collect();
        let mut torn = lines.clone();
        torn[lines.len() / 2] = &middle;
        let torn = torn.join("\n");
        let seen = token.read_on(&torn, background);
        assert_eq!(seen, Err(ScanError::Torn), "{torn}");
        // One line too many.
        let mut broken = lines.clone();
        broken.insert(lines.len() / 2, "");
        assert_eq!(
            token.read_on(&broken.join("\n"), background),
            Err(ScanError::NoCode)
        );
    }
    // More of them than the error correction can repair.
    let mut damaged = modules.clone();
    for row in &mut damaged[9..17] {
        for module in row {
            *module = !*module;
        }
    }
    for (drawing, background) in drawings(&framed(&damaged, 4)) {
        assert_eq!(token.read_on(&drawing, background), Err(ScanError::Damaged));
    }
    assert_eq!(token.read(""), Err(ScanError::NoCode));
    assert_eq!(
        token.read(&"█▀▄ ##\u{1b}[2J\n".repeat(99)),
        Err(ScanError::NoCode)
    );
}

#[test]
fn the_program_is_a_token_too() {
    let (_tenant, _browser, file) = challenge("token");
    let scan = |screen: String| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_logonbox-tenant"))
            .args(["token", "GAQT12345678"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), screen.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let framed = framed(&modules(&file), 4);
    let output = scan(on_screen(&half_blocks(&framed, Background::Dark)));
    let otp = Token::new("GAQT12345678").read_image(&file).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), otp + "\n");
    assert!(output.status.success());
    let output = scan("nothing here\n".into());
    assert!(!output.status.success() && output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("there is no QR code"), "{error}");
}
