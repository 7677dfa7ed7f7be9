//! Screen lockers that run as the user.

use std::process::Child;

use tenant::Press;

use super::check::check_finds;
use super::{CANNOT_PROMPT, nothing_rang};
use crate::TestCase;
use crate::display::Display;
use crate::log::{logged, logged_with};
use crate::machine::{
    CONFIGURATION, Machine, PASSWORD, USER_ID, add_module, command, configure, wait_until,
};

pub const CASES: &[TestCase] = &[
    case("i3lock/type", typed),
    case("i3lock/show", show),
    case("i3lock/unreadable", unreadable),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/i3lock", run)
}

/// The colours of its circle.
const VERIFYING: [u8; 3] = [0x0c, 0x61, 0xcb];
const WRONG: [u8; 3] = [0xc8, 0x0c, 0x0c];

/// A locked display.
struct Locked {
    display: Display,
    locker: Child,
}

impl Locked {
    /// Locks the screen with a new display.
    fn start() -> Self {
        let display = Display::start();
        let mut locker = display.command(USER_ID, "i3lock");
        let locker = locker.args(["--nofork", "--color=303030"]).spawn();
        let locker = locker.expect("i3lock");
        display.see_colour([0x30; 3]);
        // It has the keyboard when it shows a circle for a key.
        let empty = display.picture();
        wait_until("the locker has the keyboard", || {
            display.press("BackSpace");
            display.picture() != empty
        });
        Self { display, locker }
    }

    fn is_locked(&mut self) -> bool {
        self.locker.try_wait().expect("a child").is_none()
    }

    /// Waits for the word "Wrong!".
    #[track_caller]
    fn refuses(&mut self) {
        self.display.see_colour(WRONG);
        assert!(self.is_locked());
    }
}

/// It answers the prompt with the password. That is no code, and no push leaves.
fn typed(machine: &mut Machine) {
    add_module("i3lock");
    assert!(check_finds(CANNOT_PROMPT));
    let mut locked = Locked::start();
    locked.display.answer("wrong");
    locked.refuses();
    machine.phone.is_left_alone();
    locked.display.answer(PASSWORD);
    locked.display.see_colour(VERIFYING);
    locked.refuses();
    nothing_rang(machine);
    logged(&["pam_logonbox(i3lock:auth): wrong-code user=\"lee\""]);
    logged_with("reason=\"no push was sent\"");

    // Likewise with a hidden prompt.
    configure("[conversation]\necho = false");
    assert!(check_finds(CANNOT_PROMPT));
    locked.display.answer(PASSWORD);
    locked.display.see_colour(VERIFYING);
    locked.refuses();
    nothing_rang(machine);
}

/// The user sees no code, with every `announce`.
fn show(machine: &mut Machine) {
    add_module("i3lock");
    let mut locked = Locked::start();
    let pictures = ["none", "info", "enter"].map(|announce| {
        let before = machine.phone.rings();
        configure(&format!(
            "[service.i3lock.conversation]\ncode = \"show\"\nannounce = {announce:?}"
        ));
        assert_eq!(check_finds(CANNOT_PROMPT), announce == "enter");
        locked.display.answer(PASSWORD);
        let ring = machine.phone.ring();
        locked.display.see_colour(VERIFYING);
        let picture = locked.display.picture();
        locked
            .display
            .screenshot(&format!("i3lock-waits-{announce}"));
        assert!(locked.is_locked());
        machine.phone.press(&ring, Press::Decline);
        locked.refuses();
        locked.display.screenshot("i3lock-declined");
        assert_eq!(machine.phone.rings(), before + 1);
        picture
    });
    assert!(
        pictures.windows(2).all(|two| two.first() == two.last()),
        "a message is shown"
    );

    locked.display.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    assert!(locked.locker.wait().expect("a child").success());
    assert_eq!(machine.phone.rings(), 4);
    logged_with("approved user=\"lee\"");
    // This program cannot write the counts.
    logged_with("hint=\"pushes are not limited, because this program runs as uid 1001");
}

/// Its user cannot read the configuration.
fn unreadable(machine: &mut Machine) {
    configure("[service.i3lock.conversation]\ncode = \"show\"\nannounce = \"none\"");
    add_module("i3lock");
    command("chmod", &["600", CONFIGURATION]);
    assert!(check_finds("service-cannot-read"));
    let mut locked = Locked::start();
    locked.display.answer(PASSWORD);
    locked.refuses();
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(i3lock:auth): configuration user=\"lee\""]);
    logged_with("run chmod 644, because this program runs as uid 1001");
}
