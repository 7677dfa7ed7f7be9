//! The table of settings as text: the commented example, and the key part of the manual page.

use std::iter;

use login::config::{Row, table};

/// Sections of the manual page that explanations refer to.
const SECTIONS: [&str; 8] = [
    "CALLERS OF SU",
    "EXEMPTIONS",
    "FILES",
    "LIMIT",
    "PINNED KEYS",
    "SETTINGS FOR ONE SERVICE",
    "THE CODE",
    "UNREACHABLE SERVERS",
];

/// The values that the example and the page show if the default does not say enough.
const TENANT: &str = "\"acme.logonbox.directory\"";
const URL: &str = "\"https://iam.acme.com/auth/rest\"";
const ACCOUNTS: &str = "lee = \"lee.smith@acme.com\"\n\
                        \"kim.w\" = \"kim@partner.example\"\n\
                        root = \"operations@acme.com\"";
const SERVICE: &str = "[service.i3lock.conversation]\n\
                       code = \"show\"\n\
                       announce = \"none\"";
const EXEMPT: &str = "[[policy.exempt]]\n\
                      users = [\"backup\"]\n\
                      networks = [\"192.0.2.0/24\"]\n\
                      until = 2027-03-31\n\
                      reason = \"nightly backup\"";

/// The label of the choice that is not a word.
const OTHER: &str = "any other text";

/// The longest line, in bytes.
const EXAMPLE_WIDTH: usize = 100;
const MANUAL_WIDTH: usize = 80;

const HEAD: &str = "\
# pam_logonbox: login with a second factor, by phone or through Airlock IAM.
#
# This file belongs in /etc/security/pam_logonbox.toml. It must be owned by root, and must not be
# writable by group or others. Each line that starts with # and no blank shows a default. An error
# in this file refuses every login that comes to the module, and the log (authpriv) names the error.
# Keep a root shell open while you edit. Words in capitals are sections of pam_logonbox.toml(5).";

/// The example file, in which every key is commented out.
pub fn example() -> String {
    let mut lines = vec![HEAD.to_owned()];
    for row in table() {
        if !row.is_section() {
            example_key(&mut lines, row);
            continue;
        }
        lines.push(format!("\n[{}]\n", row.key));
        for paragraph in paragraphs(row.text) {
            comment(&mut lines, "# ", "# ", &paragraph);
        }
        lines.extend(example_of(row).lines().map(|line| format!("#   {line}")));
        for key in row.keys {
            example_key(&mut lines, key);
        }
    }
    text(&lines)
}

fn example_of(row: &Row) -> &'static str {
    match row.key {
        "tenant" => TENANT,
        "url" => URL,
        "accounts" => ACCOUNTS,
        "service" => SERVICE,
        "exempt" => EXEMPT,
        _ => "",
    }
}

fn example_key(lines: &mut Vec<String>, row: &Row) {
    lines.push(String::new());
    for (place, paragraph) in paragraphs(row.text).iter().enumerate() {
        lines.extend((place > 0).then(|| "#".to_owned()));
        comment(lines, "# ", "# ", paragraph);
    }
    let choices = row
        .choices
        .iter()
        .map(|choice| (label(choice.word), choice.text));
    let keys = row.keys.iter().map(|key| (key.key.to_owned(), key.text));
    let items: Vec<_> = choices.chain(keys).collect();
    let width = items
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0);
    for (label, text) in items {
        let (first, rest) = (
            format!("#   {label:width$}   "),
            format!("#   {:width$}   ", ""),
        );
        comment(lines, &first, &rest, &paragraphs(text).join(" "));
    }
    if !row.keys.is_empty() {
        lines.push("#".to_owned());
        lines.extend(example_of(row).lines().map(|line| format!("#   {line}")));
        return;
    }
    let value = match example_of(row) {
        "" => row.default,
        example => example,
    };
    lines.push(format!("#{} = {value}", row.key));
}

fn comment(lines: &mut Vec<String>, first: &str, rest: &str, text: &str) {
    let text = text.replace('`', "");
    let mut start = first;
    for line in wrapped(text.split(' '), EXAMPLE_WIDTH.saturating_sub(first.len())) {
        lines.push(format!("{start}{line}"));
        start = rest;
    }
}

/// The key part of the manual page, in mdoc(7).
pub fn manual() -> String {
    let mut lines = Vec::new();
    let (sections, top): (Vec<_>, Vec<_>) = table().iter().partition(|row| row.is_section());
    lines.push(".Ss The top of the file".to_owned());
    manual_keys(&mut lines, top);
    for section in sections {
        let mut text = paragraphs(section.text).into_iter();
        let heading = text.next().unwrap_or_default();
        lines.push(format!(
            ".Ss [{}]: {}",
            section.key,
            heading.trim_end_matches('.')
        ));
        for paragraph in text {
            mdoc(&mut lines, &paragraph);
        }
        if section.keys.is_empty() {
            lines.push(".Bd -literal -offset indent".to_owned());
            if section.key == "accounts" {
                lines.push(format!("[{}]", section.key));
            }
            lines.extend(example_of(section).lines().map(escaped));
            lines.push(".Ed".to_owned());
        } else {
            manual_keys(&mut lines, section.keys);
        }
    }
    text(&lines)
}

fn manual_keys<'r>(lines: &mut Vec<String>, keys: impl IntoIterator<Item = &'r Row>) {
    lines.push(".Bl -tag -width Ds".to_owned());
    for row in keys {
        if !row.keys.is_empty() {
            lines.push(format!(".It Ic [[policy.{}]]", row.key));
        } else if is_condition(row) {
            lines.push(format!(".It Ic {}", row.key));
        } else if example_of(row).is_empty() {
            lines.push(format!(".It Ic {} = {}", row.key, arguments(row.default)));
        } else {
            lines.push(format!(".It Ic {}", row.key));
        }
        for (place, paragraph) in paragraphs(row.text).iter().enumerate() {
            lines.extend((place > 0).then(|| ".Pp".to_owned()));
            mdoc(lines, paragraph);
        }
        if !row.keys.is_empty() {
            manual_keys(lines, row.keys);
            lines.push(".Pp".to_owned());
            lines.push("For example:".to_owned());
            lines.push(".Bd -literal -offset indent".to_owned());
            lines.extend(example_of(row).lines().map(escaped));
            lines.push(".Ed".to_owned());
        }
        if row.choices.is_empty() {
            continue;
        }
        lines.push(".Bl -tag -width Ds".to_owned());
        for choice in row.choices {
            let style = if choice.word.is_empty() { "" } else { "Ql " };
            lines.push(format!(".It {style}{}", arguments(&label(choice.word))));
            mdoc(lines, &paragraphs(choice.text).join(" "));
        }
        lines.push(".El".to_owned());
    }
    lines.push(".El".to_owned());
}

/// Whether this is a key of an exemption. Such a key is given or left out, and has no default.
fn is_condition(row: &Row) -> bool {
    let keys = table().iter().flat_map(|section| section.keys);
    keys.flat_map(|row| row.keys).any(|key| key.key == row.key)
}

fn label(word: &str) -> String {
    if word.is_empty() {
        OTHER.to_owned()
    } else {
        format!("\"{word}\"")
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// A doc comment has a blank line between paragraphs.
fn paragraphs(text: &str) -> Vec<String> {
    let words = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(words).collect()
}

fn wrapped<'w>(words: impl Iterator<Item = &'w str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(word.len()) < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A paragraph, in which literals are in backquotes.
fn mdoc(lines: &mut Vec<String>, text: &str) {
    let mut parts = text.split('`');
    let mut plain = parts.next().unwrap_or_default();
    while let Some(literal) = parts.next() {
        let is_open = plain.ends_with('(');
        sentences(lines, plain.trim_end_matches('('));
        // Punctuation behind the literal is a part of its line.
        let next = parts.next().unwrap_or_default();
        plain = next.trim_start_matches(['.', ',', ':', ';', ')']);
        let mut closing = next.strip_suffix(plain).unwrap_or_default();
        let (style, arguments) = styled(literal);
        let mut line = match closing.strip_prefix(')').filter(|_| is_open) {
            Some(rest) => {
                closing = rest;
                format!(".Pq {style} {arguments}")
            }
            None if is_open => format!(".{style} ( {arguments}"),
            None => format!(".{style} {arguments}"),
        };
        line.extend(closing.chars().flat_map(|mark| [' ', mark]));
        lines.push(line);
    }
    sentences(lines, plain);
}

/// A line for each sentence, or more.
fn sentences(lines: &mut Vec<String>, text: &str) {
    let words: Vec<_> = text.split_whitespace().collect();
    for sentence in words.split_inclusive(|word| word.ends_with(['.', '?', '!'])) {
        lines.extend(
            wrapped(sentence.iter().copied(), MANUAL_WIDTH)
                .iter()
                .map(|line| {
                    let protection = if line.starts_with(['.', '\'']) {
                        "\\&"
                    } else {
                        ""
                    };
                    format!("{protection}{}", line.replace('\\', "\\e"))
                }),
        );
    }
}

/// The macro for a literal, and its arguments.
fn styled(literal: &str) -> (&'static str, String) {
    let is_key = |row: &Row| !row.is_section() && row.key == literal;
    let keys = || {
        table()
            .iter()
            .flat_map(|row| iter::once(row).chain(row.keys))
            .flat_map(|row| iter::once(row).chain(row.keys))
    };
    let page = literal
        .strip_suffix(')')
        .and_then(|page| page.rsplit_once('('));
    let style = match page {
        Some((page, section)) if section.len() == 1 => return ("Xr", format!("{page} {section}")),
        _ if SECTIONS.contains(&literal) => "Sx",
        _ if literal.starts_with("PAM_") => "Dv",
        _ if literal.starts_with('/') => "Pa",
        _ if keys().any(is_key) => "Ic",
        _ => "Ql",
    };
    (style, arguments(literal))
}

/// Arguments of a macro. Words that mdoc(7) would take for macros or punctuation are protected.
fn arguments(text: &str) -> String {
    let protected = |word: &str| {
        let is_special = match word.as_bytes() {
            [mark] => b"()[].,:;?!|".contains(mark),
            [b'A'..=b'Z', b'a'..=b'z' | b'0'..=b'9', ..] | [b'%', ..] => word.len() <= 3,
            _ => false,
        };
        let before = if is_special { "\\&" } else { "" };
        let after = if word.ends_with(['.', ',', ':', ';', '?', '!']) {
            "\\&"
        } else {
            ""
        };
        format!("{before}{}{after}", escaped(word))
    };
    let words: Vec<_> = text.split(' ').map(protected).collect();
    words.join(" ")
}

/// Characters that roff(7) would replace.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('"', "\\(dq")
        .replace('\'', "\\(aq")
        .replace('-', "\\-")
}

#[test]
fn words_that_mdoc_would_interpret_are_escaped() {
    let mut lines = Vec::new();
    let text =
        "A name (`no-key`), a (`Set No \"x\"` in `pam.d(5)`). See `FILES`. 'Or `/a` \\ `a:`.";
    mdoc(&mut lines, text);
    assert_eq!(
        lines,
        [
            "A name",
            ".Pq Ql no\\-key ,",
            "a",
            ".Ql ( \\&Set \\&No \\(dqx\\(dq",
            "in",
            ".Xr pam.d 5 ) .",
            "See",
            ".Sx FILES .",
            "\\&'Or",
            ".Pa /a",
            "\\e",
            ".Ql a:\\& .",
        ]
    );
}

/// The renderer attaches punctuation to a literal, but no letters.
#[test]
fn literals_in_explanations_are_words_of_their_own() {
    let sections = table().iter();
    let rows = sections.flat_map(|row| iter::once(row).chain(row.keys));
    for row in rows.flat_map(|row| iter::once(row).chain(row.keys)) {
        let choices = row.choices.iter().map(|choice| choice.text);
        for text in choices.chain([row.text]) {
            let parts: Vec<_> = text.split('`').collect();
            assert!(parts.len() % 2 == 1, "{text}");
            for (place, part) in parts.iter().enumerate().filter(|(place, _)| place % 2 == 0) {
                let before = place == parts.len() - 1 || part.ends_with([' ', '\n', '(']);
                let after = place == 0 || part.starts_with([' ', '\n', '.', ',', ':', ';', ')']);
                assert!(before && after, "{text}");
            }
        }
    }
}
