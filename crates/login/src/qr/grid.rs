//! Finds the modules of a QR code in a picture of unknown scale, and reads which of them are dark.
//!
//! The three finder patterns give the corners. The modules of the timing pattern alternate, so a
//! line through it shows the edge of each module. This also works if the scale is uneven.

use std::fmt;
use std::ops::Range;

use super::image::Image;

/// Modules per side: version 1, version 40, and the step between versions.
const MIN_SIDE: usize = 21;
const MAX_SIDE: usize = 177;
const STEP: usize = 4;

/// The runs through the middle of a finder pattern, and its side, in modules.
const FINDER_RUNS: [usize; 5] = [1, 1, 3, 1, 1];
const FINDER: usize = 7;

/// The row and the column of the timing patterns.
const TIMING: usize = 6;

/// A QR code has three. The limit bounds the work on other pictures.
const MAX_FINDERS: usize = 16;

/// The modules of a QR code; `true` is dark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modules {
    side: usize,
    /// Row by row, from the top left.
    dark: Vec<bool>,
}

impl Modules {
    pub fn side(&self) -> usize {
        self.side
    }

    pub fn dark(&self, column: usize, row: usize) -> Option<bool> {
        if column >= self.side {
            return None;
        }
        self.dark
            .get(row.saturating_mul(self.side).saturating_add(column))
            .copied()
    }
}

/// Why no QR code was found. A later variant means that more of the code was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    OneColour,
    Finders(usize),
    Corners,
    Side(usize),
    Uneven,
    Pattern,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneColour => formatter.write_str("it has one colour"),
            Self::Finders(found) => write!(
                formatter,
                "three finder patterns needed (the squares in the corners), {found} found"
            ),
            Self::Corners => {
                formatter.write_str("its finder patterns are not in the three corners of a square")
            }
            Self::Side(side) => write!(
                formatter,
                "it has {side} modules a side, going by its timing pattern"
            ),
            Self::Uneven => formatter.write_str("its modules differ in size"),
            Self::Pattern => formatter.write_str("its fixed patterns are damaged"),
        }
    }
}

pub(super) fn find(image: &Image) -> Result<Modules, Flaw> {
    let mut worst = Flaw::OneColour;
    for threshold in thresholds(image) {
        match (Bitmap { image, threshold }).find() {
            Ok(modules) => return Ok(modules),
            Err(flaw) => worst = worst.max(flaw),
        }
    }
    Err(worst)
}

/// Thresholds between dark and light, the most likely one first. Each one divides the pixels
/// differently. The fixed ones help if a frame or a caption has other colours than the code.
fn thresholds(image: &Image) -> Vec<u8> {
    let mut histogram = [0_u32; 256];
    for pixel in image.pixels() {
        if let Some(count) = histogram.get_mut(usize::from(*pixel)) {
            *count = count.saturating_add(1);
        }
    }
    let darker = |threshold: u8| -> u32 { histogram.iter().take(threshold.into()).sum() };
    let all: u32 = histogram.iter().sum();
    let mut chosen = Vec::new();
    let mut seen = vec![0, all];
    for threshold in [otsu(&histogram), 64, 128, 192] {
        let below = darker(threshold);
        if !seen.contains(&below) {
            seen.push(below);
            chosen.push(threshold);
        }
    }
    chosen
}

/// Otsu's method: the split with the largest variance between the two halves. Returns the middle
/// between the means of the halves.
fn otsu(histogram: &[u32; 256]) -> u8 {
    let weighted = || {
        histogram
            .iter()
            .zip(0_u32..)
            .map(|(count, value)| (f64::from(*count), f64::from(value)))
    };
    let all: f64 = weighted().map(|(count, _)| count).sum();
    let total: f64 = weighted().map(|(count, value)| count * value).sum();
    let (mut below, mut sum) = (0.0, 0.0);
    let (mut most, mut threshold) = (0.0, 0.0);
    for (count, value) in weighted() {
        below += count;
        sum += count * value;
        let above = all - below;
        if below > 0.0 && above > 0.0 {
            let (dark, light) = (sum / below, (total - sum) / above);
            let variance = below * above * (light - dark) * (light - dark);
            if variance > most {
                most = variance;
                threshold = f64::midpoint(dark, light);
            }
        }
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 255"
    )]
    let threshold = threshold.ceil() as u8;
    threshold
}

/// The image and a threshold. Darker pixels are below the threshold.
struct Bitmap<'a> {
    image: &'a Image,
    threshold: u8,
}

/// The start of each of a finder pattern's five runs, and the end of the last one, in pixels.
type Edges = [usize; 6];

#[derive(Debug, Clone, Copy)]
struct Finder {
    x: Edges,
    y: Edges,
    /// Whether its dark modules are below the threshold. In an inverted image, they are not.
    ink: bool,
}

impl Bitmap<'_> {
    fn find(&self) -> Result<Modules, Flaw> {
        let finders = self.finders();
        if !(3..=MAX_FINDERS).contains(&finders.len()) {
            return Err(Flaw::Finders(finders.len()));
        }
        let mut worst = Flaw::Corners;
        for corner in &finders {
            for right in finders.iter().filter(|right| level(corner, right)) {
                for lower in finders.iter().filter(|lower| plumb(corner, lower)) {
                    match self.sharpened(corner).read(corner, right, lower) {
                        Ok(modules) => return Ok(modules),
                        Err(flaw) => worst = worst.max(flaw),
                    }
                }
            }
        }
        Err(worst)
    }

    /// The same image with a threshold in the middle between the darkest and the lightest pixel of
    /// a finder pattern. A pixel on an edge then counts as the colour that covers more of it. The
    /// surroundings of the code do not matter.
    fn sharpened(&self, finder: &Finder) -> Self {
        let (x, y) = (middle(&finder.x), middle(&finder.y));
        let [left, .., right] = finder.x;
        let [top, .., bottom] = finder.y;
        let cross = || {
            let across = (left..right).filter_map(|x| self.image.pixel(x, y));
            across.chain((top..bottom).filter_map(|y| self.image.pixel(x, y)))
        };
        let threshold = match (cross().min(), cross().max()) {
            (Some(darkest), Some(lightest)) => darkest.midpoint(lightest).saturating_add(1),
            _ => self.threshold,
        };
        Self {
            image: self.image,
            threshold,
        }
    }

    /// Pixels outside of the image are not ink.
    fn is(&self, ink: bool, x: usize, y: usize) -> bool {
        self.image
            .pixel(x, y)
            .is_some_and(|pixel| (pixel < self.threshold) == ink)
    }

    /// Whether an area is ink on average.
    fn mostly(&self, ink: bool, columns: &Range<usize>, rows: &Range<usize>) -> bool {
        let (mut sum, mut count) = (0_usize, 0_usize);
        for y in rows.clone() {
            for pixel in columns.clone().filter_map(|x| self.image.pixel(x, y)) {
                sum = sum.saturating_add(pixel.into());
                count = count.saturating_add(1);
            }
        }
        (sum < count.saturating_mul(self.threshold.into())) == ink
    }

    /// The finder patterns from top to bottom. Stops at one more than [`MAX_FINDERS`].
    fn finders(&self) -> Vec<Finder> {
        let mut finders: Vec<Finder> = Vec::new();
        let mut edges = Vec::new();
        for (y, row) in self.image.rows().enumerate() {
            let first = row.first().is_some_and(|pixel| *pixel < self.threshold);
            edges.clear();
            edges.push(0);
            let mut before = first;
            for (x, pixel) in row.iter().enumerate() {
                let below = *pixel < self.threshold;
                if below != before {
                    edges.push(x);
                    before = below;
                }
            }
            edges.push(self.image.width);
            let inks = [first, !first].into_iter().cycle();
            for (runs, ink) in edges.windows(6).zip(inks) {
                let Ok(runs) = Edges::try_from(runs) else {
                    continue;
                };
                if !is_finder(&runs) {
                    continue;
                }
                let x = middle(&runs);
                let known = |finder: &Finder| in_middle(&finder.x, x) && in_middle(&finder.y, y);
                if finders.iter().any(known) {
                    continue;
                }
                if let Some(finder) = self.finder(ink, x, y, span(&runs)) {
                    finders.push(finder);
                    if finders.len() > MAX_FINDERS {
                        return finders;
                    }
                }
            }
        }
        finders
    }

    /// The finder pattern around a pixel in its middle.
    fn finder(&self, ink: bool, x: usize, y: usize, side: usize) -> Option<Finder> {
        let down = runs_around(y, side, |y| self.is(ink, x, y));
        let y = middle(&down);
        let across = runs_around(x, side, |x| self.is(ink, x, y));
        let square = span(&across).abs_diff(span(&down)) <= slack(span(&across), FINDER);
        if !is_finder(&down) || !is_finder(&across) || !square {
            return None;
        }
        let rings = [0, 1, 2, 1, 0];
        let whole = cores(&across).zip(rings).all(|(x, column)| {
            cores(&down)
                .zip(rings)
                .all(|(y, row)| self.mostly(ink, &x, &y) == (column.min(row) != 1))
        });
        whole.then_some(Finder {
            x: across,
            y: down,
            ink,
        })
    }

    /// Reads the modules between three finder patterns.
    fn read(&self, corner: &Finder, right: &Finder, lower: &Finder) -> Result<Modules, Flaw> {
        let ink = corner.ink;
        let again = |finder: &Finder| {
            let (x, y) = (middle(&finder.x), middle(&finder.y));
            self.finder(ink, x, y, span(&finder.x)).ok_or(Flaw::Corners)
        };
        let (corner, right, lower) = (again(corner)?, again(right)?, again(lower)?);
        let ([left, ..], [top, ..]) = (corner.x, corner.y);
        let [.., end_x] = right.x;
        let [.., end_y] = lower.y;
        // The timing patterns start at the last module of the finder pattern. If its core is two
        // pixels wide, the deeper one is used.
        let last = |edges: &Edges, pixel: &dyn Fn(usize) -> Option<u8>| {
            let depth = |at: &usize| pixel(*at).map(|pixel| if ink { pixel } else { !pixel });
            cores(edges).last()?.min_by_key(depth)
        };
        let pixel = |x, y| self.image.pixel(x, y);
        let (Some(timing_x), Some(timing_y)) = (
            last(&corner.x, &|x| pixel(x, middle(&corner.y))),
            last(&corner.y, &|y| pixel(middle(&corner.x), y)),
        ) else {
            return Err(Flaw::Corners);
        };
        let columns = divide(
            &corner.x,
            &right.x,
            |x| self.is(ink, x, timing_y),
            |x| {
                let before = x.saturating_sub(1);
                (top..end_y)
                    .filter(|y| self.is(ink, before, *y) != self.is(ink, x, *y))
                    .count()
            },
        )?;
        let rows = divide(
            &corner.y,
            &lower.y,
            |y| self.is(ink, timing_x, y),
            |y| {
                let before = y.saturating_sub(1);
                (left..end_x)
                    .filter(|x| self.is(ink, *x, before) != self.is(ink, *x, y))
                    .count()
            },
        )?;
        if columns.len() != rows.len() {
            return Err(Flaw::Corners);
        }
        let modules = Modules {
            side: columns.len(),
            dark: rows
                .iter()
                .flat_map(|y| columns.iter().map(|x| self.mostly(ink, x, y)))
                .collect(),
        };
        if fixed_patterns_hold(&modules) {
            Ok(modules)
        } else {
            Err(Flaw::Pattern)
        }
    }
}

/// Whether five runs have the widths of a finder pattern. Each may be off by half a module, or by
/// the rounding to whole pixels.
fn is_finder(edges: &Edges) -> bool {
    let side = span(edges);
    let half = side.checked_div(2).unwrap_or(0);
    side >= FINDER
        && edges.windows(2).zip(FINDER_RUNS).all(|(run, modules)| {
            let [from, to] = run else { return false };
            let width = to.saturating_sub(*from).saturating_mul(FINDER);
            let slack = half.max(FINDER.saturating_add(modules));
            width.abs_diff(side.saturating_mul(modules)) <= slack
        })
}

/// The tolerance for an edge in pixels, because of rounding and soft edges.
fn slack(length: usize, modules: usize) -> usize {
    length
        .checked_div(modules.saturating_mul(2))
        .unwrap_or(0)
        .max(1)
}

/// The five alternating runs around a pixel of ink. They end at most `limit` pixels away from it.
fn runs_around(middle: usize, limit: usize, ink: impl Fn(usize) -> bool) -> Edges {
    let first = middle.saturating_sub(limit);
    let last = middle.saturating_add(limit);
    let mut before = [0; 3];
    let mut at = middle;
    for (edge, run) in before.iter_mut().zip([true, false, true]) {
        while at > first && ink(at.saturating_sub(1)) == run {
            at = at.saturating_sub(1);
        }
        *edge = at;
    }
    let mut after = [0; 3];
    at = middle;
    for (edge, run) in after.iter_mut().zip([true, false, true]) {
        while at < last && ink(at) == run {
            at = at.saturating_add(1);
        }
        *edge = at;
    }
    let [middle_start, inner_start, start] = before;
    let [middle_end, inner_end, end] = after;
    [start, inner_start, middle_start, middle_end, inner_end, end]
}

/// The core of each module from one finder pattern to another, both included. `line` follows the
/// timing pattern. `changes` counts the pixels across the whole code that differ from the pixel
/// before.
fn divide(
    near: &Edges,
    far: &Edges,
    line: impl Fn(usize) -> bool,
    changes: impl Fn(usize) -> usize,
) -> Result<Vec<Range<usize>>, Flaw> {
    let [start, near_1, near_2, near_3, near_4, _] = *near;
    let [_, far_1, far_2, far_3, far_4, end] = *far;
    let timing: Vec<usize> = (start.saturating_add(1)..end)
        .filter(|at| line(*at) != line(at.saturating_sub(1)))
        .collect();
    let side = timing.len().saturating_sub(1).saturating_add(2 * FINDER);
    let beyond = side
        .checked_sub(MIN_SIDE)
        .and_then(|more| more.checked_rem(STEP));
    if beyond != Some(0) || side > MAX_SIDE {
        return Err(Flaw::Side(side));
    }

    let mut edges = vec![start, near_1, near_2];
    edges.extend(thirds(near_2, near_3, &changes));
    edges.extend([near_3, near_4]);
    edges.extend(&timing);
    edges.extend([far_1, far_2]);
    edges.extend(thirds(far_2, far_3, &changes));
    edges.extend([far_3, far_4, end]);

    // Half a module of tolerance, because ink spreads.
    let length = end.saturating_sub(start);
    let slack = slack(length, side).saturating_mul(side);
    let even = edges.iter().enumerate().all(|(module, edge)| {
        let is = edge.saturating_sub(start).saturating_mul(side);
        is.abs_diff(module.saturating_mul(length)) <= slack
    });
    if !even {
        return Err(Flaw::Uneven);
    }
    Ok(cores(&edges).collect())
}

/// The pixels of each module that are read: the middle one or two.
fn cores(edges: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let core = |module: &[usize]| match module {
        [from, to] => {
            let last = from.midpoint(*to);
            let first = from.midpoint(to.saturating_sub(1));
            Some(first..last.saturating_add(1))
        }
        _ => None,
    };
    edges.windows(2).filter_map(core)
}

/// The two edges inside a run of three modules. If they are not on whole pixels, the candidates
/// with the most changes in the code's other rows or columns win.
fn thirds(from: usize, to: usize, changes: impl Fn(usize) -> usize) -> [usize; 2] {
    let width = to.saturating_sub(from);
    let around = |thirds: usize| {
        let exact = width.saturating_mul(thirds);
        [exact.checked_div(3).unwrap_or(0), exact.div_ceil(3)].map(|at| from.saturating_add(at))
    };
    let mut best = [from, from];
    let mut most = None;
    for first in around(1) {
        for second in around(2).into_iter().filter(|second| *second > first) {
            let changes = changes(first).saturating_add(changes(second));
            if most.is_none_or(|most| changes > most) {
                most = Some(changes);
                best = [first, second];
            }
        }
    }
    best
}

/// Checks the modules that are the same in every QR code: finder patterns, light borders, timing
/// patterns and the dark module.
fn fixed_patterns_hold(modules: &Modules) -> bool {
    let side = modules.side();
    let far = side.saturating_sub(FINDER);
    let expected = |column: usize, row: usize| -> Option<bool> {
        for (left, top) in [(0, 0), (far, 0), (0, far)] {
            // Includes the light border, which is one module wide.
            let inside = |at: usize, start: usize| {
                let at = at.saturating_add(1).checked_sub(start)?;
                (at <= FINDER.saturating_add(1)).then(|| at.abs_diff(4))
            };
            if let (Some(across), Some(down)) = (inside(column, left), inside(row, top)) {
                return Some(!matches!(across.max(down), 2 | 4));
            }
        }
        if row == TIMING || column == TIMING {
            return Some(column.saturating_add(row).is_multiple_of(2));
        }
        // The dark module, beside the lower finder pattern.
        (column == 8 && row.saturating_add(8) == side).then_some(true)
    };
    (0..side).all(|row| {
        (0..side).all(|column| {
            expected(column, row).is_none_or(|dark| modules.dark(column, row) == Some(dark))
        })
    })
}

fn span(edges: &Edges) -> usize {
    let [start, .., end] = edges;
    end.saturating_sub(*start)
}

fn middle(edges: &Edges) -> usize {
    let [_, _, from, to, ..] = edges;
    from.midpoint(*to)
}

fn in_middle(edges: &Edges, at: usize) -> bool {
    let [_, _, from, to, ..] = edges;
    (*from..*to).contains(&at)
}

/// Whether `right` is to the right of `corner`, at the same height.
fn level(corner: &Finder, right: &Finder) -> bool {
    right.ink == corner.ink && follows(&corner.x, &right.x) && beside(&corner.y, &right.y)
}

/// Whether `lower` is below `corner`, in the same columns.
fn plumb(corner: &Finder, lower: &Finder) -> bool {
    lower.ink == corner.ink && follows(&corner.y, &lower.y) && beside(&corner.x, &lower.x)
}

fn follows(first: &Edges, second: &Edges) -> bool {
    let ([.., end], [start, ..]) = (first, second);
    end < start
}

fn beside(first: &Edges, second: &Edges) -> bool {
    let slack = slack(span(first), FINDER);
    let ([start, .., end], [other_start, .., other_end]) = (first, second);
    start.abs_diff(*other_start) <= slack && end.abs_diff(*other_end) <= slack
}
