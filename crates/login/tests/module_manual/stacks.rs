//! The stacks in `pam_logonbox-stacks(7)`, and the shipped examples.

use crate::mdoc::Page;
use crate::repository;

const PAGE: &str = include_str!("../../../../packaging/man/pam_logonbox-stacks.7");

/// In every stack of the page, the control is right and the jumps end at the right line.
#[test]
fn the_stacks_in_the_page_are_safe() {
    let (mut stacks, mut alone_in) = (0, 0);
    for display in Page::new(PAGE).displays() {
        let lines: Vec<&str> = display.lines().collect();
        let Some(module) = lines
            .iter()
            .position(|line| line.contains("pam_logonbox.so"))
        else {
            continue;
        };
        stacks += 1;
        // Alone: the module is asked first, and an ignored module refuses.
        let alone = [
            "auth [success=done ignore=ignore default=die] pam_logonbox.so",
            "auth requisite pam_deny.so",
        ];
        if lines == alone {
            alone_in += 1;
            continue;
        }
        let control = "auth [success=ok ignore=ignore default=die] pam_logonbox.so";
        assert_eq!(lines[module], control, "{display}");
        // If the module is ignored, another line must have succeeded.
        let below: Vec<_> = lines[module + 1..]
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect();
        if !lines[..module].ends_with(&["@include common-auth"]) {
            assert_eq!(below, ["auth", "required", "pam_permit.so"], "{display}");
        }
        for (place, line) in lines.iter().enumerate() {
            let Some((_, jump)) = line.split_once("[success=") else {
                continue;
            };
            let (jump, _) = jump.split_once(' ').unwrap();
            let Ok(jump) = jump.parse::<usize>() else {
                continue;
            };
            let lands_on = if line.contains("pam_unix.so") {
                module
            } else {
                module + 1
            };
            assert_eq!(place + jump + 1, lands_on, "{display}");
        }
        if lines.iter().any(|line| line.contains("pam_unix.so")) {
            let before: Vec<_> = lines[module - 1].split_whitespace().collect();
            assert_eq!(before, ["auth", "requisite", "pam_deny.so"], "{display}");
        }
    }
    assert!(stacks > 5, "{stacks}");
    assert_eq!(alone_in, 1);
}

/// Lines of the distributions' own files.
const AROUND: [&str; 6] = [
    "pam_env.so",
    "pam_faildelay.so delay=3000000",
    "pam_group.so",
    "pam_nologin.so",
    "sufficient pam_rootok.so",
    "include postlogin",
];

/// The shipped examples are the stacks of the page, plus the lines of the distribution.
#[test]
fn the_examples_are_the_stacks_of_the_page() {
    let ours = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with("auth") || *line == "@include common-auth")
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !AROUND.iter().any(|around| line.ends_with(around)))
            .collect()
    };
    let displays = Page::new(PAGE).displays();
    let stacks: Vec<_> = displays.iter().map(|display| ours(display)).collect();
    let mut examples = 0;
    for distribution in ["debian", "fedora"] {
        let directory = repository(&format!("conf/pam.d/{distribution}"));
        for file in std::fs::read_dir(directory).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = ours(&text);
            // Fedora's su-l is su, and its sudo-i is sudo.
            let name = path.file_name().unwrap().to_str().unwrap();
            let other = name.split('-').next().unwrap();
            let included = lines == [format!("auth include {other}")];
            assert!(included || stacks.contains(&lines), "{name}: {lines:#?}");
            examples += 1;
        }
    }
    assert_eq!(examples, 16);
}
