//! Finds a QR code in the text on a screen, as a user with a camera would.

/// The colour behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark: the light modules of the code are drawn.
    Dark,
    /// Dark text on light: the dark modules of the code are drawn.
    Light,
}

/// A QR code must be surrounded by this many light modules.
const QUIET: usize = 4;

/// The smallest QR code and the largest.
const SIDES: std::ops::RangeInclusive<usize> = 21..=177;

/// The modules of a QR code: true is dark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Modules {
    pub(crate) side: usize,
    dark: Vec<bool>,
}

impl Modules {
    pub(crate) fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.side + x]
    }
}

/// Why no QR code was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFound {
    Nothing,
    /// A code without four light modules all around.
    NoQuietZone,
    /// A code with other characters in it.
    Torn,
}

/// The lowest QR code on the screen. Older ones have scrolled up.
pub(crate) fn find(screen: &str, background: Background) -> Result<Modules, NotFound> {
    let lines: Vec<Vec<char>> = screen.lines().map(|line| line.chars().collect()).collect();
    let grids = [half_blocks(&lines), pairs(&lines, 0), pairs(&lines, 1)];
    let mut unseen = NotFound::Nothing;
    let mut lowest = None;
    for (rows_a_line, grid) in [2, 1, 1].into_iter().zip(grids) {
        let view = View { grid, background };
        for (x, y, side) in view.codes() {
            match view.modules(x, y, side) {
                Ok(modules) => {
                    let bottom = (y + side) / rows_a_line;
                    if lowest.as_ref().is_none_or(|(other, _)| *other < bottom) {
                        lowest = Some((bottom, modules));
                    }
                }
                Err(why) => unseen = why,
            }
        }
    }
    lowest.map(|(_, modules)| modules).ok_or(unseen)
}

/// The place of a module on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Blank,
    Ink,
    /// Neither: text, or half a module.
    Torn,
}

/// Each character holds two modules, one above the other.
fn half_blocks(lines: &[Vec<char>]) -> Vec<Vec<Cell>> {
    use Cell::{Blank, Ink, Torn};
    let cells = |c: &char| match c {
        ' ' | '\u{a0}' => [Blank, Blank],
        '█' => [Ink, Ink],
        '▀' => [Ink, Blank],
        '▄' => [Blank, Ink],
        _ => [Torn, Torn],
    };
    let row = |line: &Vec<char>, half: usize| line.iter().map(|c| cells(c)[half]).collect();
    lines
        .iter()
        .flat_map(|line| [row(line, 0), row(line, 1)])
        .collect()
}

/// Two characters make a module, from column `from` on.
fn pairs(lines: &[Vec<char>], from: usize) -> Vec<Vec<Cell>> {
    let is_blank = |c: Option<&char>| c.is_none_or(|c| *c == ' ');
    let is_ink = |c: Option<&char>| c.is_some_and(char::is_ascii_graphic);
    let cell = |pair: &[char]| {
        let (left, right) = (pair.first(), pair.get(1));
        if is_blank(left) && is_blank(right) {
            Cell::Blank
        } else if is_ink(left) && is_ink(right) {
            Cell::Ink
        } else {
            Cell::Torn
        }
    };
    let row = |line: &Vec<char>| {
        line.get(from..)
            .unwrap_or_default()
            .chunks(2)
            .map(cell)
            .collect()
    };
    lines.iter().map(row).collect()
}

/// The screen as modules on a background.
struct View {
    grid: Vec<Vec<Cell>>,
    background: Background,
}

impl View {
    /// None if there is no module.
    fn is_dark(&self, x: usize, y: usize) -> Option<bool> {
        // An empty place has the colour of the background.
        let cell = self.grid.get(y).and_then(|row| row.get(x));
        match (cell.unwrap_or(&Cell::Blank), self.background) {
            (Cell::Torn, _) => None,
            (Cell::Ink, Background::Light) | (Cell::Blank, Background::Dark) => Some(true),
            (Cell::Ink, Background::Dark) | (Cell::Blank, Background::Light) => Some(false),
        }
    }

    /// The left, top and side of every square with three finder patterns.
    fn codes(&self) -> Vec<(usize, usize, usize)> {
        let finders: Vec<(usize, usize)> = self
            .grid
            .iter()
            .enumerate()
            .flat_map(|(y, row)| (0..row.len()).map(move |x| (x, y)))
            .filter(|(x, y)| self.has_finder(*x, *y))
            .collect();
        let mut codes = Vec::new();
        for (x, y) in &finders {
            for side in SIDES.step_by(4) {
                let far = side - 7;
                if finders.contains(&(x + far, *y)) && finders.contains(&(*x, y + far)) {
                    codes.push((*x, *y, side));
                }
            }
        }
        codes
    }

    /// A dark square of three, in a light ring, in a dark ring.
    fn has_finder(&self, left: usize, top: usize) -> bool {
        (0..7).all(|y: usize| {
            (0..7).all(|x: usize| {
                let ring = x.abs_diff(3).max(y.abs_diff(3));
                self.is_dark(left + x, top + y) == Some(ring != 2)
            })
        })
    }

    fn modules(&self, left: usize, top: usize, side: usize) -> Result<Modules, NotFound> {
        let within = |at: usize| (QUIET..QUIET + side).contains(&at);
        let mut dark = Vec::with_capacity(side * side);
        for y in 0..side + 2 * QUIET {
            for x in 0..side + 2 * QUIET {
                let column = (left + x).checked_sub(QUIET);
                let row = (top + y).checked_sub(QUIET);
                let seen = match (column, row) {
                    (Some(x), Some(y)) => self.is_dark(x, y),
                    // Beyond the edge of the screen.
                    _ => Some(self.background == Background::Dark),
                };
                match (within(x) && within(y), seen) {
                    (true, Some(module)) => dark.push(module),
                    (true, None) => return Err(NotFound::Torn),
                    (false, Some(false)) => {}
                    (false, _) => return Err(NotFound::NoQuietZone),
                }
            }
        }
        Ok(Modules { side, dark })
    }
}
