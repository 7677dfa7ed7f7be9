//! Drawings of QR codes, read again.

use login::qr::{Background, Style, draw};

use self::picture::{BLACK, Picture, WHITE};

#[path = "../../crates/login/src/qr/tests/picture.rs"]
pub mod picture;

/// Light modules on each side.
const QUIET: usize = 4;

/// Rows of modules; `true` is dark.
pub type Modules = Vec<Vec<bool>>;

/// What a drawing shows, with the quiet zone.
fn read(drawing: &str, style: Style, background: Background) -> Modules {
    let dark_ink = background == Background::Light;
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in drawing.lines() {
        assert_eq!(line, line.trim_end());
        let characters: Vec<char> = line.chars().collect();
        match style {
            Style::HalfBlocks => {
                for filled in [['▀', '█'], ['▄', '█']] {
                    rows.push(
                        characters
                            .iter()
                            .map(|c| filled.contains(c) == dark_ink)
                            .collect(),
                    );
                }
                assert!(line.chars().all(|c| " ▀▄█".contains(c)), "{line:?}");
            }
            Style::Ascii => {
                let ink = if dark_ink { "[]" } else { "MM" };
                let pairs = characters
                    .chunks(2)
                    .map(|pair| pair.iter().collect::<String>());
                assert!(
                    pairs.clone().all(|pair| pair == ink || pair == "  "),
                    "{line:?}"
                );
                rows.push(pairs.map(|pair| (pair == ink) == dark_ink).collect());
            }
        }
    }
    // An odd number of rows leaves half a line.
    if style == Style::HalfBlocks {
        let below = rows.pop().unwrap();
        assert!(below.iter().all(|dark| *dark != dark_ink));
    }
    // What is not written is the terminal's background.
    let side = rows.len();
    for row in &mut rows {
        assert!(row.len() <= side);
        row.resize(side, !dark_ink);
    }
    rows
}

/// The modules that are drawn in one style; nothing where nothing is drawn.
fn modules(png: &[u8], style: Style, background: Background) -> Option<Modules> {
    let whole = match draw(png, style, background) {
        Ok(drawing) => read(&drawing, style, background),
        Err(why) => {
            crate::assert_harmless(&why.to_string(), 300);
            return None;
        }
    };
    let side = whole.len().checked_sub(2 * QUIET).unwrap();
    assert!(
        (21..=177).contains(&side) && side % 4 == 1,
        "{side} modules"
    );
    let code = QUIET..QUIET + side;
    for (y, row) in whole.iter().enumerate() {
        for (x, dark) in row.iter().enumerate() {
            assert!(
                !dark || (code.contains(&x) && code.contains(&y)),
                "not quiet"
            );
        }
    }
    Some(
        whole[code.clone()]
            .iter()
            .map(|row| row[code.clone()].to_vec())
            .collect(),
    )
}

/// The modules that are drawn for a PNG. What is drawn is a QR code: as a picture it is drawn
/// again, in each style the same.
pub fn drawn(png: &[u8]) -> Option<Modules> {
    let found = modules(png, Style::HalfBlocks, Background::Dark)?;
    let again = picture_of(&found, 1).png();
    for style in [Style::HalfBlocks, Style::Ascii] {
        for background in [Background::Dark, Background::Light] {
            assert_eq!(
                modules(&again, style, background).as_ref(),
                Some(&found),
                "another code"
            );
        }
    }
    Some(found)
}

/// Modules as a picture, `scale` pixels each, with a quiet zone.
pub fn picture_of(modules: &Modules, scale: usize) -> Picture {
    let mut picture = Picture::new(modules.len(), modules.len(), WHITE);
    for (y, row) in modules.iter().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            picture.fill(x, y, 1, 1, BLACK);
        }
    }
    let framed = picture.framed(QUIET, WHITE);
    framed.scaled(framed.width * scale, framed.height * scale)
}
