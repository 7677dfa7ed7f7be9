//! The power fails in the middle of a change, and the disk has what was flushed.

use std::thread;
use std::time::Duration;

use hosts::machine::{CONFIGURATION, PASSWORD};
use hosts::person::PROMPT;
use hosts::terminal::Terminal;

use super::{log_in, type_by_hand};
use crate::guest::Guest;
use crate::{Boot, test};

pub const BOOT: Boot = Boot {
    command_line: "",
    set_up: |_| {},
    tests: &[
        test("power/bypass", bypass),
        test("power/pin", pin),
        test("power/dpkg", dpkg),
    ],
};

const PINS: &str = "/etc/security/pam_logonbox.keys";

/// su to lee, as another user, up to the prompt for the code.
fn su(guest: &Guest, command: &str) -> Terminal {
    let su = guest.terminal("other", &format!("su lee -c '{command}'"));
    su.see("assword");
    su.answer(PASSWORD);
    su.see(PROMPT);
    su
}

/// A code that was shown works after a power cut, and a code that let somebody in does not.
fn bypass(guest: &mut Guest) {
    guest.stack("su", "su");
    let shown = guest.sh("logonbox bypass lee --reason test");
    guest.cut_power_and_boot();
    let code = shown.lines().next().unwrap_or_default();
    let used = su(guest, "echo in-$((40+2)); sleep 100");
    type_by_hand(&used, code);
    used.see("in-42");
    guest.cut_power_and_boot();
    let mut again = su(guest, "echo in-$((40+2))");
    type_by_hand(&again, code);
    assert!(!again.end().success(), "{}", again.screen());
    assert!(!again.has_line("in-42"), "{}", again.screen());
    assert_eq!(
        guest.sh("logonbox bypass --list"),
        "No bypass code is valid."
    );
}

/// Keys that were said to be pinned are pinned after a power cut. A cut in the middle leaves the whole
/// file, or none.
fn pin(guest: &mut Guest) {
    guest.stack("su", "su");
    guest.sh(&format!(
        "sed -i '/^tenant/a pins = \"if-present\"' {CONFIGURATION}"
    ));
    guest.sh("logonbox pin lee --yes");
    let whole = guest.sh(&format!("cat {PINS}/lee"));
    guest.cut_power_and_boot();
    assert_eq!(guest.sh(&format!("cat {PINS}/lee")), whole);
    guest.write(
        "/opt/pins",
        "while :; do logonbox unpin lee --forget; logonbox pin lee --yes; done",
    );
    guest.sh("systemd-run --quiet sh /opt/pins");
    thread::sleep(Duration::from_secs(5));
    guest.cut_power_and_boot();
    let now = guest.sh(&format!("cat {PINS}/lee || true"));
    assert!(now == whole || now.is_empty(), "{now}");
    guest.sh("logonbox pin lee --yes; logonbox pins");
    let mut su = guest.terminal("other", "su lee -c true");
    log_in(guest, &su);
    assert!(su.end().success(), "{}", su.screen());
}

/// dpkg is cut short. Each login before the repair asks the phone or is refused, and the repair is the
/// one that dpkg names.
fn dpkg(guest: &mut Guest) {
    guest.stack("su", "su");
    let sum = "sha256sum /usr/lib/*/security/pam_logonbox.so";
    let whole = guest.sh(sum);
    for milliseconds in [500, 2000, 5000] {
        guest.sh("systemd-run --quiet dpkg --install /opt/libpam-logonbox.deb");
        thread::sleep(Duration::from_millis(milliseconds));
        guest.cut_power_and_boot();
        // The file of the module is whole or absent.
        let now = guest.sh(&format!("{sum} || true"));
        assert!(now == whole || now.is_empty(), "{now}");
        let mut su = guest.terminal("other", "su lee -c 'echo in-$((40+2))'");
        su.see("assword");
        su.answer(PASSWORD);
        su.see_times_or_end(PROMPT, 1);
        su.give_up();
        assert!(!su.has_line("in-42"), "{}", su.screen());
        guest.sh("dpkg --configure --pending; dpkg --install /opt/libpam-logonbox.deb");
        assert_eq!(guest.sh("dpkg --audit"), "");
        let mut su = guest.terminal("other", "su lee -c 'echo in-$((40+2))'");
        log_in(guest, &su);
        assert!(su.end().success(), "{}", su.screen());
        assert!(su.has_line("in-42"), "{}", su.screen());
    }
}
