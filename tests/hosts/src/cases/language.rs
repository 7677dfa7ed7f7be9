//! The language of the prompts.

use tenant::Press;

use crate::TestCase;
use crate::machine::{Machine, OTHER_ID, PASSWORD, configure, stack, terminal};
use crate::phone::Phone;
use crate::sshd::ssh;
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    TestCase::new("language/su", "/usr/bin/su", su),
    TestCase::new("language/sshd", "/usr/sbin/sshd", sshd),
];

/// A language, its prompt and a refusal, in UTF-8 and in ASCII.
const LANGUAGES: [(&str, [&str; 2], [&str; 2]); 3] = [
    (
        "de",
        ["Bestätigen Sie die Anfrage", "Bestaetigen Sie die Anfrage"],
        ["Anmeldung auf dem Telefon abgelehnt."; 2],
    ),
    (
        "fr",
        ["sur votre téléphone, puis", "sur votre telephone, puis"],
        [
            "Demande refusée sur le téléphone.",
            "Demande refusee sur le telephone.",
        ],
    ),
    (
        "it",
        ["Approvare la richiesta sul telefono, poi"; 2],
        ["Accesso rifiutato sul telefono."; 2],
    ),
];

fn configure_language(language: &str) {
    configure(&format!("[conversation]\nlanguage = \"{language}\"\n"));
}

/// Answers the password and the code, declines, and reads the refusal.
#[track_caller]
fn decline(machine: &Machine, mut terminal: Terminal, password: &str, texts: [&str; 2]) {
    let [prompt, refusal] = texts;
    terminal.see(password);
    terminal.answer(PASSWORD);
    terminal.see(prompt);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    terminal.see(refusal);
    terminal.give_up();
}

/// The kernel knows whether the terminal uses UTF-8. The locale of the caller does not matter.
fn su(machine: &mut Machine) {
    stack("su", "su");
    for (language, prompt, refusal) in LANGUAGES {
        configure_language(language);
        for (flag, (prompt, refusal)) in ["iutf8", "-iutf8"]
            .into_iter()
            .zip(prompt.into_iter().zip(refusal))
        {
            let su = format!("stty {flag}; exec su lee -c 'id -un'");
            let terminal = terminal(OTHER_ID, "sh", &["-c", &su]);
            decline(machine, terminal, "Password:", [prompt, refusal]);
        }
    }
}

/// sshd has no terminal yet.
fn sshd(machine: &mut Machine) {
    let _sshd = super::sshd::password_then_phone();
    for (language, [_, prompt], [_, refusal]) in LANGUAGES {
        configure_language(language);
        decline(
            machine,
            ssh(&["lee@localhost"]),
            "assword",
            [prompt, refusal],
        );
    }
}
