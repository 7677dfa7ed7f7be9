//! Writes pictures as PNGs of each kind. The data is not compressed, so that each byte is known.

/// Red, green, blue, alpha.
pub type Colour = [u8; 4];

pub const BLACK: Colour = [0, 0, 0, 255];
pub const WHITE: Colour = [255, 255, 255, 255];
pub const CLEAR: Colour = [0, 0, 0, 0];

/// The pixel format of a PNG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Grey(u8),
    /// Black is transparent.
    GreyKeyed(u8),
    GreyAlpha(u8),
    Rgb(u8),
    /// Black is transparent.
    RgbKeyed(u8),
    Rgba(u8),
    Palette(u8),
    /// The palette has alpha values.
    PaletteAlpha(u8),
}

#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<Colour>,
}

impl Picture {
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self {
            width,
            height,
            pixels: vec![colour; width * height],
        }
    }

    pub fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: Colour) {
        for y in top..top + height {
            for x in left..left + width {
                self.pixels[y * self.width + x] = colour;
            }
        }
    }

    /// Adds `border` pixels of `colour` on each side.
    pub fn framed(&self, border: usize, colour: Colour) -> Self {
        let mut framed = Self::new(self.width + 2 * border, self.height + 2 * border, colour);
        for y in 0..self.height {
            for x in 0..self.width {
                framed.pixels[(y + border) * framed.width + x + border] =
                    self.pixels[y * self.width + x];
            }
        }
        framed
    }

    /// Scales without smoothing.
    pub fn scaled(&self, width: usize, height: usize) -> Self {
        let mut scaled = Self::new(width, height, CLEAR);
        for y in 0..height {
            for x in 0..width {
                let from_x = (2 * x + 1) * self.width / (2 * width);
                let from_y = (2 * y + 1) * self.height / (2 * height);
                scaled.pixels[y * width + x] = self.pixels[from_y * self.width + from_x];
            }
        }
        scaled
    }

    /// Scales to a square. Each pixel is the mean of its area.
    pub fn averaged(&self, side: usize) -> Self {
        const FINE: usize = 8;
        let fine = self.scaled(side * FINE, side * FINE);
        let mut averaged = Self::new(side, side, WHITE);
        for y in 0..side {
            for x in 0..side {
                let mut sum = 0;
                for line in 0..FINE {
                    let start = (y * FINE + line) * fine.width + x * FINE;
                    let covered = &fine.pixels[start..start + FINE];
                    sum += covered
                        .iter()
                        .map(|pixel| usize::from(pixel[0]))
                        .sum::<usize>();
                }
                let mean = u8::try_from(sum / (FINE * FINE)).unwrap();
                averaged.pixels[y * side + x] = [mean, mean, mean, 255];
            }
        }
        averaged
    }

    pub fn recoloured(&self, change: impl Fn(Colour) -> Colour) -> Self {
        Self {
            pixels: self.pixels.iter().map(|pixel| change(*pixel)).collect(),
            ..*self
        }
    }

    pub fn png(&self) -> Vec<u8> {
        self.png_as(Kind::Grey(8), false)
    }

    pub fn png_as(&self, kind: Kind, interlaced: bool) -> Vec<u8> {
        assemble(&self.chunks(kind, interlaced))
    }

    pub fn chunks(&self, kind: Kind, interlaced: bool) -> Vec<Chunk> {
        let (colour_type, depth) = match kind {
            Kind::Grey(depth) | Kind::GreyKeyed(depth) => (0, depth),
            Kind::Rgb(depth) | Kind::RgbKeyed(depth) => (2, depth),
            Kind::Palette(depth) | Kind::PaletteAlpha(depth) => (3, depth),
            Kind::GreyAlpha(depth) => (4, depth),
            Kind::Rgba(depth) => (6, depth),
        };
        let mut chunks = vec![header(
            self.width,
            self.height,
            depth,
            colour_type,
            interlaced,
        )];
        let mut palette: Vec<Colour> = Vec::new();
        match kind {
            Kind::Palette(_) | Kind::PaletteAlpha(_) => {
                for pixel in &self.pixels {
                    if !palette.contains(pixel) {
                        palette.push(*pixel);
                    }
                }
                assert!(palette.len() <= 1 << depth);
                let colours = palette.iter().flat_map(|colour| colour[..3].to_vec());
                chunks.push((*b"PLTE", colours.collect()));
                if kind == Kind::PaletteAlpha(depth) {
                    let alphas = palette.iter().map(|colour| colour[3]);
                    chunks.push((*b"tRNS", alphas.collect()));
                }
            }
            Kind::GreyKeyed(_) => chunks.push((*b"tRNS", vec![0; 2])),
            Kind::RgbKeyed(_) => chunks.push((*b"tRNS", vec![0; 6])),
            _ => {}
        }
        let store = |[red, green, blue, alpha]: Colour| -> Vec<u8> {
            match kind {
                Kind::Grey(_) | Kind::GreyKeyed(_) => vec![red],
                Kind::GreyAlpha(_) => vec![red, alpha],
                Kind::Rgb(_) | Kind::RgbKeyed(_) => vec![red, green, blue],
                Kind::Rgba(_) => vec![red, green, blue, alpha],
                Kind::Palette(_) | Kind::PaletteAlpha(_) => {
                    let index = palette
                        .iter()
                        .position(|colour| *colour == [red, green, blue, alpha]);
                    vec![u8::try_from(index.unwrap()).unwrap()]
                }
            }
        };
        let whole = [(0, 0, 1, 1)];
        let adam7 = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let mut lines = Vec::new();
        for (left, top, step_x, step_y) in if interlaced { &adam7[..] } else { &whole } {
            if *left >= self.width {
                continue;
            }
            for y in (*top..self.height).step_by(*step_y) {
                // Filter type 0: unfiltered.
                lines.push(0);
                let mut bits = 0;
                for x in (*left..self.width).step_by(*step_x) {
                    for sample in store(self.pixels[y * self.width + x]) {
                        match depth {
                            16 => lines.extend([sample, sample]),
                            8 => lines.push(sample),
                            _ => {
                                if bits % 8 == 0 {
                                    lines.push(0);
                                }
                                let sample = match kind {
                                    Kind::Grey(_) | Kind::GreyKeyed(_) => sample >> (8 - depth),
                                    _ => sample,
                                };
                                *lines.last_mut().unwrap() |= sample << (8 - depth - bits % 8);
                                bits += depth;
                                bits %= 8;
                            }
                        }
                    }
                }
            }
        }
        chunks.push((*b"IDAT", stored(&lines)));
        chunks.push((*b"IEND", Vec::new()));
        chunks
    }
}

pub type Chunk = ([u8; 4], Vec<u8>);

pub fn header(width: usize, height: usize, depth: u8, colour_type: u8, interlaced: bool) -> Chunk {
    let mut header = Vec::new();
    for side in [width, height] {
        header.extend(u32::try_from(side).unwrap().to_be_bytes());
    }
    header.extend([depth, colour_type, 0, 0, u8::from(interlaced)]);
    (*b"IHDR", header)
}

pub fn assemble(chunks: &[Chunk]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let from = png.len();
        png.extend(name);
        png.extend(data);
        let sum = crc(&png[from..]);
        png.extend(sum.to_be_bytes());
    }
    png
}

/// A zlib stream (RFC 1950) of blocks without compression (RFC 1951).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap();
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in data {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

fn crc(data: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in data {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
        }
    }
    !sum
}
