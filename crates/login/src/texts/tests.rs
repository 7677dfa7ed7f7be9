use std::cell::Cell;

use super::*;

/// Every text, with values that are easy to find.
fn all() -> Vec<Text> {
    let name = |name: &str| name.to_owned();
    let minutes = Duration::from_secs(12 * 60);
    vec![
        Text::Approve(None),
        Text::Approve(Some(name("PHONE"))),
        Text::ApproveAndType(None),
        Text::ApproveAndType(Some(name("PHONE"))),
        Text::ApproveWithCode(None, name("4821")),
        Text::ApproveWithCode(Some(name("PHONE")), name("4821")),
        Text::SendOnEnter,
        Text::GoOnOnEnter,
        Text::WhichDevice,
        Text::DeviceNumber(37),
        Text::NotANumber,
        Text::Password,
        Text::AirlockPassword,
        Text::Otp,
        Text::Scan,
        Text::QrCodeNotShown,
        Text::QrCodeBroken,
        Text::CodeBySms(None),
        Text::CodeBySms(Some(name("NUMBER"))),
        Text::WrongOtp,
        Text::NotAnOtp,
        Text::DeniedOnPhone,
        Text::NoAnswerFromPhone(Duration::from_secs(45)),
        Text::WrongCode,
        Text::NotReached,
        Text::Refused,
        Text::TryAgain,
        Text::Locked,
        Text::LockedForSomeTime,
        Text::LockedUntil(name("UNTIL")),
        Text::LockedFor(minutes, name("UNTIL")),
        Text::UnsupportedStep(name("STEP")),
    ]
}

/// A login that fails with this shows the person the values, and hosts expect a blank or a line break
/// at the same places.
#[test]
fn each_language_has_the_values_and_ends_of_english() {
    const LANGUAGES: [Language; 3] = [Language::German, Language::French, Language::Italian];
    const VALUES: [&str; 8] = [
        "PHONE", "4821", "37", "NUMBER", "45", "UNTIL", "12 ", "STEP",
    ];
    for text in all() {
        let english = Texts::ENGLISH.say(&text);
        assert!(
            english.is_ascii() && !english.contains(['{', '}']),
            "{english}"
        );
        for language in LANGUAGES {
            for is_utf8 in [false, true] {
                let said = Texts::new(language, || is_utf8).say(&text);
                for value in VALUES {
                    assert_eq!(said.contains(value), english.contains(value), "{said}");
                }
                for end in [": ", ".\n", "?\n", "."] {
                    let ends = |text: &str| text.replace(" ?", "?").ends_with(end);
                    assert_eq!(ends(&said), ends(&english), "{said}");
                }
                assert!(!said.contains(['{', '}']), "{said}");
                assert!(is_utf8 || said.is_ascii(), "{said}");
                let same = matches!(text, Text::Password | Text::Otp);
                assert!(said != english || same, "{said}");
            }
        }
    }
}

#[test]
fn letters_beyond_ascii_are_for_terminals_that_show_them() {
    for (language, text, utf8, ascii) in [
        (
            Language::German,
            Text::WhichDevice,
            "Welches Gerät?\n",
            "Welches Geraet?\n",
        ),
        (
            Language::French,
            Text::Refused,
            "Connexion refusée.",
            "Connexion refusee.",
        ),
        (
            Language::Italian,
            Text::WrongCode,
            "Il codice è errato. Accesso negato.",
            "Il codice e' errato. Accesso negato.",
        ),
    ] {
        assert_eq!(Texts::new(language, || true).say(&text), utf8);
        assert_eq!(Texts::new(language, || false).say(&text), ascii);
    }
    // English needs no answer.
    let is_asked = Cell::new(false);
    let english = Texts::new(Language::English, || is_asked.replace(true));
    assert_eq!(english.say(&Text::Refused), "Login refused.");
    assert!(!is_asked.get());
}

#[test]
fn values_are_cleaned_and_are_no_templates() {
    let text = Text::UnsupportedStep("{step}\u{1b}[2J".to_owned());
    let said = Texts::ENGLISH.say(&text);
    assert!(
        said.contains("{step}") && !said.contains('\u{1b}'),
        "{said}"
    );
}

#[test]
fn durations_are_shown_in_words() {
    for (seconds, english, german) in [
        (1, "1 second", "1 Sekunde"),
        (90, "90 seconds", "90 Sekunden"),
        (91, "2 minutes", "2 Minuten"),
        (60 * 60, "60 minutes", "60 Minuten"),
        (90 * 60 + 1, "2 hours", "2 Stunden"),
        (36 * 3600, "36 hours", "36 Stunden"),
        (36 * 3600 + 1, "2 days", "2 Tage"),
        (7 * 24 * 3600, "7 days", "7 Tage"),
    ] {
        let time = Duration::from_secs(seconds);
        assert_eq!(Texts::ENGLISH.time(time), english);
        assert_eq!(Texts::new(Language::German, || true).time(time), german);
    }
}
