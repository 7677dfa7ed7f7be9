//! Random stacks, with real modules and with doubles.

use std::fmt::Write as _;

use pam_stack::Facility::{Account, Auth};
use pam_stack::{Code, Error};

use crate::host::{Host, question};

/// Pseudo-random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from((self.0 >> 33) % u64::try_from(below).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const CONTROLS: [&str; 20] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=ok ignore=ignore default=die]",
    "[success=done default=bad]",
    "[success=1 default=ignore]",
    "[success=2 default=ignore]",
    "[success=3 default=die]",
    "[default=1]",
    "[default=2 auth_err=ignore]",
    "[default=reset]",
    "[success=reset default=ok]",
    "[default=done]",
    "[auth_err=ok ignore=ok success=1]",
    "[success=ok ignore=done default=ignore]",
    "[success=okay]",
    "[ignore=bad default=ok]",
    "[success=9 default=bad]",
    "[success=ignore default=die]",
];

fn lines(dice: &mut Dice, files: &[&str]) -> String {
    let mut text = String::new();
    for _ in 0..=dice.roll(6) {
        let (kind, word) = dice
            .pick(&["auth auth", "auth auth", "account acct"])
            .split_once(' ')
            .unwrap();
        let dash = dice.pick(&["", "", "-"]);
        match dice.roll(10) {
            0..=2 if !files.is_empty() => {
                let how = dice.pick(&["include", "substack"]);
                writeln!(text, "{kind} {how} {}", dice.pick(files)).unwrap();
            }
            3 => writeln!(text, "{kind} {} pam_missing.so", dice.pick(&CONTROLS)).unwrap(),
            _ => {
                let code = dice.pick(&[
                    "success",
                    "success",
                    "success",
                    "auth_err",
                    "ignore",
                    "user_unknown",
                    "new_authtok_reqd",
                    "abort",
                ]);
                let control = dice.pick(&CONTROLS);
                let gap = dice.pick(&[" ", "\t", " \\\n "]);
                writeln!(
                    text,
                    "{dash}{kind} {control}{gap}pam_debug.so {word}={code}"
                )
                .unwrap();
            }
        }
    }
    text
}

#[test]
fn random_stacks_have_the_verdicts_of_the_real_modules() {
    let host = Host::new(&[]);
    let mut stacks = host.stacks();
    let mut reference = host.reference();
    let mut dice = Dice(1);
    let (mut accepted, mut called, mut asked) = (0, 0, 0);
    for round in 0..300 {
        let files = [
            ("other", lines(&mut dice, &[])),
            ("one", lines(&mut dice, &[])),
            ("two", lines(&mut dice, &["one", "three"])),
            ("three", lines(&mut dice, &["one"])),
            (
                "test",
                lines(
                    &mut dice,
                    &["one", "two", "three", "one", "two", "three", "nowhere"],
                ),
            ),
        ];
        for (name, text) in &files {
            host.write(name, text);
        }
        for facility in [Auth, Account] {
            let answer = stacks.ask(&question("test", facility)).unwrap();
            let real = reference.ask(facility, "test");
            assert_eq!(answer.code, real, "round {round}: {files:#?}\n{answer:#?}");
            accepted += usize::from(real == Code::SUCCESS);
            called += answer.calls.len();
            asked += 1;
        }
    }
    // So that the stacks are worth comparing.
    assert!(
        (asked / 20..asked * 2 / 3).contains(&accepted),
        "{accepted} of {asked}"
    );
    assert!(called > asked, "{called} calls");
}

/// Words and bytes in any order, with which libpam reads on, or stops. A file that includes itself
/// twice would keep libpam busy for hours, so the caller gives the name of another one.
fn noise(dice: &mut Dice, file: &[u8]) -> Vec<u8> {
    let long = "x".repeat(1500);
    let pieces: [&[u8]; 40] = [
        b"auth ",
        b"auth ",
        b"\nauth ",
        b"\nauth ",
        b"\n-auth ",
        b"account ",
        b"\naccount ",
        b"password ",
        b"required ",
        b"requisite ",
        b"sufficient ",
        b"optional ",
        b"include ",
        b"substack ",
        b"\n@include other ",
        file,
        file,
        b"pam_permit.so ",
        b"pam_permit.so\n",
        b"pam_deny.so ",
        b"pam_debug.so ",
        b"auth=success ",
        b"auth=ignore\n",
        b"[success=1 default=ignore] ",
        b"[default=die] ",
        b"[success=",
        b"[",
        b"]",
        b"\\]",
        b"\\",
        b"\\\n",
        b"\r\n",
        b"\n",
        b"\n",
        b"\0",
        b"\t",
        b"#",
        b"=99999999999 ",
        b"\xff\xfe",
        long.as_bytes(),
    ];
    let mut text = Vec::new();
    for _ in 0..dice.roll(40) {
        text.extend_from_slice(pieces[dice.roll(pieces.len())]);
    }
    text
}

#[test]
fn random_bytes_have_the_verdicts_of_the_real_modules() {
    let host = Host::new(&[]);
    let mut stacks = host.stacks();
    let mut reference = host.reference();
    let mut dice = Dice(2);
    let (mut called, mut crashed) = (0, 0);
    for round in 0..300 {
        let files = [
            ("one", noise(&mut dice, b"nowhere ")),
            ("test", noise(&mut dice, b"one ")),
        ];
        for (name, bytes) in &files {
            host.write(name, bytes);
        }
        // Some from the directory of the vendor.
        host.write("/usr/lib/pam.d/test", noise(&mut dice, b"one "));
        if round % 4 == 0 {
            std::fs::remove_file(host.path("/etc/pam.d/test")).unwrap();
        }
        for facility in [Auth, Account] {
            let answer = stacks.ask(&question("test", facility));
            let real = reference.try_ask(facility, "test");
            let shown = files
                .each_ref()
                .map(|(_, bytes)| bytes.escape_ascii().to_string());
            match (&answer, real) {
                (Ok(answer), Some(real)) => {
                    assert_eq!(answer.code, real, "round {round}: {shown:#?}\n{answer:#?}");
                    called += answer.calls.len();
                }
                // libpam itself crashes, for example at `@include` without a name.
                (Err(Error::Broken(_) | Error::Unanswerable(_)), None) => {
                    stacks = host.stacks();
                    reference = host.reference();
                    crashed += 1;
                }
                _ => panic!("round {round}: {shown:#?}\n{answer:#?}\n{real:?}"),
            }
        }
    }
    assert!(crashed < 60, "{crashed} crashes");
    // So that not all of them stop at the first line.
    assert!(called > 100, "{called} calls");
}

/// Each code, by its name in pam_debug(8).
#[test]
fn codes_have_the_numbers_of_libpam() {
    let host = Host::new(&[]);
    let mut reference = host.reference();
    for number in 0..32 {
        let name = Code(number).name().unwrap();
        // pam.conf(5) drops a letter of this name, and pam_debug does so, too.
        let word = name.replace("RECOVERY", "RECOVER");
        let line = format!(
            "auth required pam_debug.so auth={}\n",
            word.to_ascii_lowercase()
        );
        host.write("test", line);
        let real = match reference.ask(Auth, "test") {
            // libpam never returns it for a stack.
            Code::PERM_DENIED if name == "IGNORE" => Code::IGNORE,
            real => real,
        };
        assert_eq!(real, Code(number), "{name}");
        assert_eq!(Code::named(name), Some(real));
        assert_eq!(Code::named(&word), Some(real));
    }
    assert_eq!(Code(32).name(), None);
}
