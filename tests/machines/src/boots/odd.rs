//! Full and read-only disks, wrong clocks, and networks that lack something.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hosts::machine::{PASSWORD, TENANT};
use hosts::person::PROMPT;
use hosts::terminal::Terminal;

use super::{approve, type_by_hand};
use crate::guest::Guest;
use crate::{Boot, test};

pub const BOOT: Boot = Boot {
    command_line: "",
    set_up: |_| {},
    tests: &[
        test("odd/full-disk", full_disk),
        test("odd/read-only-disk", read_only_disk),
        test("odd/clock", clock),
        test("odd/ipv6-only", ipv6_only),
        test("odd/no-dns", no_dns),
        test("odd/network-after-console", network_after_console),
    ],
};

fn su(guest: &Guest) -> Terminal {
    let su = guest.terminal("other", "su lee -c 'echo in-$((40+2))'");
    su.see("assword");
    su.answer(PASSWORD);
    su.see(PROMPT);
    su
}

#[track_caller]
fn is_in(mut su: Terminal) {
    assert!(su.end().success(), "{}", su.screen());
    assert!(su.has_line("in-42"), "{}", su.screen());
}

#[track_caller]
fn is_refused(mut su: Terminal) {
    assert!(!su.end().success(), "{}", su.screen());
    assert!(!su.has_line("in-42"), "{}", su.screen());
}

/// The last line of the module, which must begin with this word.
#[track_caller]
fn last_line(guest: &Guest, word: &str) -> String {
    let line = guest.lines().pop().unwrap_or_default();
    assert!(line.contains(&format!("auth): {word} ")), "{line}");
    line
}

/// A code that `logonbox bypass` shows.
fn bypass_code(guest: &Guest) -> String {
    let shown = guest.sh("logonbox bypass lee --reason test");
    shown.lines().next().unwrap_or_default().into()
}

/// People still get in, by phone and with a code that exists. A new code cannot be made.
fn full_disk(guest: &mut Guest) {
    guest.stack("su", "su");
    let code = bypass_code(guest);
    guest.sh(
        "fallocate -l \"$(df --output=avail -B1 / | tail -n 1)\" /full\n\
         dd if=/dev/zero of=/full2 bs=1M 2>/dev/null || true\n\
         dd if=/dev/zero of=/full3 bs=512 2>/dev/null || true\n\
         sync",
    );
    let made = guest.run("logonbox bypass lee --reason test 2>&1");
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        !made.status.success() && said.contains("No space left on device"),
        "{said}"
    );
    let first = su(guest);
    approve(guest, &first);
    is_in(first);
    last_line(guest, "approved");
    let second = su(guest);
    type_by_hand(&second, &code);
    is_in(second);
    last_line(guest, "bypass");
    let third = su(guest);
    type_by_hand(&third, &code);
    is_refused(third);
    guest.sh("rm -f /full /full2 /full3");
}

/// A code whose removal cannot be written down is refused. The phone still lets people in.
fn read_only_disk(guest: &mut Guest) {
    guest.stack("su", "su");
    let code = bypass_code(guest);
    guest.sh("sync; echo 1 >/proc/sys/kernel/sysrq; echo u >/proc/sysrq-trigger");
    guest.eventually("the disk is read-only", |guest| {
        !guest.run("touch /opt/probe").status.success()
    });
    let first = su(guest);
    type_by_hand(&first, &code);
    is_refused(first);
    let line = last_line(guest, "wrong-code");
    assert!(line.contains("Read-only file system"), "{line}");
    let second = su(guest);
    approve(guest, &second);
    is_in(second);
    let line = last_line(guest, "approved");
    assert!(line.contains("hint="), "{line}");
    // The other tests write.
    guest.cut_power_and_boot();
}

/// A certificate is judged by the clock. The log names the clock.
fn clock(guest: &mut Guest) {
    guest.stack("su", "su");
    guest.configure("[policy]\non_unavailable = \"ignore\"");
    for wrong in ["-1 year", "+30 years"] {
        guest.sh(&format!("date -s '{wrong}' >/dev/null"));
        let su = su(guest);
        type_by_hand(&su, "");
        is_refused(su);
        let line = last_line(guest, "tls");
        assert!(line.contains("clock"), "{wrong}: {line}");
        guest.sh("hwclock --hctosys --utc 2>/dev/null || date -s \"@$(cat /sys/class/rtc/rtc0/since_epoch)\"");
    }
    let su = su(guest);
    approve(guest, &su);
    is_in(su);
}

/// The tenant's name has an IPv6 address only.
fn ipv6_only(guest: &mut Guest) {
    // qemu brings the guest's connections to ::1.
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 443)).expect("[::1]:443");
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect((Ipv4Addr::LOCALHOST, 443)).expect("the tenant");
            for (mut from, mut to) in [
                (
                    near.try_clone().expect("a socket"),
                    far.try_clone().expect("a socket"),
                ),
                (far, near),
            ] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    guest.stack("su", "su");
    guest.sh(&format!(
        "sed -i 's/.*{TENANT}/fec0::2 {TENANT}/' /etc/hosts"
    ));
    // qemu's prefix. The kernel still looks for another owner of an address with the flag 40.
    guest.eventually("the guest has an address", |guest| {
        guest
            .run("grep '^fec0' /proc/net/if_inet6 | grep -qvE ' (40|c0) +[^ ]+$'")
            .status
            .success()
    });
    let su = su(guest);
    approve(guest, &su);
    is_in(su);
}

/// A dead resolver holds the login up no longer than `connect_seconds`.
fn no_dns(guest: &mut Guest) {
    guest.stack("su", "su");
    guest.sh(&format!(
        "sed -i '/{TENANT}/d' /etc/hosts; echo 'nameserver 10.0.2.99' >/etc/resolv.conf; \
         sed -i 's/connect_seconds = .*/connect_seconds = 5/' /etc/security/pam_logonbox.toml"
    ));
    let su = su(guest);
    let start = Instant::now();
    type_by_hand(&su, "");
    su.see("The login service cannot be reached.");
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    is_refused(su);
    last_line(guest, "timed-out");
    assert_eq!(guest.rings(), 0);
}

/// The console comes before the network. The first login is refused, and the next one rings.
fn network_after_console(guest: &mut Guest) {
    guest.stack("login", "login");
    guest
        .sh("sed -i 's/connect_seconds = .*/connect_seconds = 5/' /etc/security/pam_logonbox.toml");
    guest.getty();
    guest.monitor("set_link cable off");
    let console = &guest.console;
    console.answer("lee");
    console.see("Password:");
    console.answer(PASSWORD);
    console.see(PROMPT);
    type_by_hand(console, "");
    console.see("The login service cannot be reached.");
    guest.monitor("set_link cable on");
    console.see_times("login:", 2);
    guest.eventually("the network is there", |guest| {
        guest.run("grep 0202000A /proc/net/route").status.success()
    });
    console.answer("lee");
    console.see_times("Password:", 2);
    console.answer(PASSWORD);
    console.see_times(PROMPT, 2);
    let ring = guest.phone.ring();
    hosts::person::approve_and_type(&guest.phone, console, &ring);
    console.see("lee@door");
    console.answer("exit");
    let words: Vec<bool> = guest
        .lines()
        .iter()
        .zip(["unreachable", "ringing", "approved"])
        .map(|(line, word)| line.contains(word))
        .collect();
    assert_eq!(words, [true; 3], "{:#?}", guest.lines());
}
