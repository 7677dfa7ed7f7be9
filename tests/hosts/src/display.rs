//! An X display: its picture and its keyboard.
//!
//! Xvfb keeps the picture in a file, xdotool types, and tesseract reads.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use crate::machine::{background, wait_until};

/// Where ../run takes the pictures from.
const OUT: &str = "/out";
/// The file that Xvfb's option `-fbdir` makes in this directory.
const DIRECTORY: &str = "/tmp";
const FILE: &str = "/tmp/Xvfb_screen0";
/// Tesseract does not read letters as small as those of a greeter.
const ZOOM: usize = 3;

/// A display, with what its clients need in their environment.
pub struct Display {
    environment: Vec<(&'static str, String)>,
    /// The file with its picture.
    file: &'static str,
}

/// What is on the display.
#[derive(PartialEq, Eq)]
pub struct Picture {
    width: usize,
    /// Red, green and blue.
    pixels: Vec<[u8; 3]>,
}

/// Xvfb with these arguments, as a line for a shell.
pub fn xvfb(arguments: &str) -> String {
    format!("exec Xvfb {arguments} -screen 0 800x600x24 -nolisten tcp -fbdir {DIRECTORY}")
}

impl Display {
    /// Starts a display that every user of this host can use.
    pub fn start() -> Self {
        background("sh", &["-c", &xvfb(":7")]);
        Self::wait_for(":7", "")
    }

    /// Waits for a display that another program starts. `authority` is the file with its cookie.
    #[track_caller]
    pub fn wait_for(name: &str, authority: &str) -> Self {
        let socket = format!("/tmp/.X11-unix/X{}", name.trim_start_matches(':'));
        wait_until("the display is there", || {
            let size = fs::metadata(FILE).map_or(0, |file| file.len());
            fs::exists(&socket).unwrap_or_default() && size > 4 * 800 * 600
        });
        let environment = vec![
            ("DISPLAY", name.to_owned()),
            ("XAUTHORITY", authority.to_owned()),
        ];
        Self {
            environment,
            file: FILE,
        }
    }

    /// Starts a program on this display as user `id`.
    pub fn command(&self, id: u32, program: &str) -> Command {
        let id = id.to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &id, "--regid", &id, "--clear-groups", program])
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Types a line and Enter.
    #[track_caller]
    pub fn answer(&self, line: &str) {
        self.write(line);
        self.press("Return");
    }

    /// Presses a key.
    #[track_caller]
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Types a text.
    #[track_caller]
    pub fn write(&self, text: &str) {
        if !text.is_empty() {
            self.xdotool(&["type", "--delay", "20", text]);
        }
    }

    #[track_caller]
    fn xdotool(&self, arguments: &[&str]) {
        let output = self.command(0, "xdotool").args(arguments).output();
        let output = output.expect("xdotool");
        assert!(output.status.success(), "{output:?}");
    }

    /// What is on the display now.
    #[track_caller]
    pub fn picture(&self) -> Picture {
        // XWDFile.h: 32-bit numbers. A table of colours follows the header, and the picture follows
        // that, with four bytes a pixel: blue, green, red.
        let file = fs::read(self.file).expect(self.file);
        let number = |index: usize| {
            let bytes = file.get(4 * index..4 * index + 4).expect("a header");
            u32::from_be_bytes(bytes.try_into().expect("four bytes")) as usize
        };
        let (header, width, height, colours) = (number(0), number(4), number(5), number(19));
        let start = header + 12 * colours;
        let bytes = file.get(start..start + 4 * width * height);
        let pixels = bytes.expect("all pixels").chunks_exact(4);
        let pixels = pixels
            .map(|pixel| match pixel {
                [blue, green, red, _] => [*red, *green, *blue],
                _ => [0; 3],
            })
            .collect();
        Picture { width, pixels }
    }

    /// Takes a picture for people.
    #[track_caller]
    pub fn screenshot(&self, name: &str) {
        self.picture().save(name);
    }

    /// The text that is on the display.
    #[track_caller]
    pub fn text(&self) -> String {
        self.picture().text()
    }

    /// Waits until `text` is on the display.
    #[track_caller]
    pub fn see(&self, text: &str) {
        wait_until(text, || self.text().contains(text));
    }

    /// Waits until the display has this colour.
    #[track_caller]
    pub fn see_colour(&self, colour: [u8; 3]) {
        wait_until(&format!("the colour {colour:02x?}"), || {
            self.picture().has(colour)
        });
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if thread::panicking() && fs::metadata(self.file).is_ok() {
            eprintln!("--- on the display\n{}", self.text());
            self.screenshot("failed");
        }
    }
}

impl Picture {
    /// Whether more than a hundredth of it has this colour.
    pub fn has(&self, colour: [u8; 3]) -> bool {
        let same = self.pixels.iter().filter(|pixel| **pixel == colour);
        same.count() > self.pixels.len() / 100
    }

    fn save(&self, name: &str) {
        let path = format!("{OUT}/{name}.png");
        let file = fs::File::create(&path).expect(&path);
        let (width, height) = (self.width, self.pixels.len() / self.width);
        let side = |length: usize| u32::try_from(length).expect("a small picture");
        let mut encoder = png::Encoder::new(file, side(width), side(height));
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect(&path);
        writer
            .write_image_data(self.pixels.as_flattened())
            .expect(&path);
    }

    fn text(&self) -> String {
        // The display has not started yet.
        if self.width == 0 {
            return String::new();
        }
        let mut image = format!(
            "P5\n{} {}\n255\n",
            self.width * ZOOM,
            self.pixels.len() / self.width * ZOOM
        )
        .into_bytes();
        for row in self.pixels.chunks(self.width) {
            let row: Vec<u8> = row
                .iter()
                .flat_map(|[red, green, blue]| {
                    let grey = u16::from(*red) + u16::from(*green) + u16::from(*blue);
                    [u8::try_from(grey / 3).expect("the mean of bytes"); ZOOM]
                })
                .collect();
            image.extend(row.repeat(ZOOM));
        }
        // 11: text in any place.
        let mut child = Command::new("tesseract")
            .args(["-", "-", "--psm", "11"])
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tesseract");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&image).expect("tesseract reads");
        drop(stdin);
        let output = child.wait_with_output().expect("tesseract");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
