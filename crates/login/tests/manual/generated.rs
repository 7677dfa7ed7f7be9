//! The table of settings as text: the commented example, and the key part of the manual page.

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
const WIDTH: usize = 100;

const HEAD: &str = "\
# pam_logonbox: login with a second factor, by phone or through Airlock IAM.
#
# This file belongs in /etc/security/pam_logonbox.toml. It must be owned by root, and must not be
# writable by group or others. An error in this file refuses every login that comes to the module,
# and the log (authpriv) names the error. Keep a root shell open while you edit.
#
# A line that starts with #, without a space after it, shows a default. The keys tenant and url have
# no default, and show an example. Words in capitals are sections of pam_logonbox.toml(5).";

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
        comment(lines, &first, &rest, &text_of(text));
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
    for line in wrapped(text.split(' '), WIDTH.saturating_sub(first.len())) {
        lines.push(format!("{start}{line}"));
        start = rest;
    }
}

/// The key part of the manual page, in Markdown.
pub fn manual() -> String {
    let mut lines = Vec::new();
    let (sections, top): (Vec<_>, Vec<_>) = table().iter().partition(|row| row.is_section());
    lines.push("\n### The top of the file".to_owned());
    manual_keys(&mut lines, "", top);
    for section in sections {
        let mut text = paragraphs(section.text).into_iter();
        let heading = text.next().unwrap_or_default();
        let heading = heading.trim_end_matches('.');
        lines.push(format!("\n### `[{}]`: {heading}", section.key));
        for paragraph in text {
            lines.push(String::new());
            fill(&mut lines, "", "", &paragraph);
        }
        if section.keys.is_empty() {
            let name = (section.key == "accounts").then_some("[accounts]");
            code(
                &mut lines,
                "",
                name.into_iter().chain(example_of(section).lines()),
            );
        } else {
            manual_keys(&mut lines, "", section.keys);
        }
    }
    lines.push(String::new());
    text(&lines)
}

fn manual_keys<'r>(lines: &mut Vec<String>, indent: &str, keys: impl IntoIterator<Item = &'r Row>) {
    lines.push(String::new());
    let inner = format!("{indent}  ");
    for row in keys {
        let head = if !row.keys.is_empty() {
            format!("[[policy.{}]]", row.key)
        } else if is_condition(row) || !example_of(row).is_empty() {
            row.key.to_owned()
        } else {
            format!("{} = {}", row.key, row.default)
        };
        let mut paragraphs = paragraphs(row.text).into_iter();
        let first = paragraphs.next().unwrap_or_default();
        fill(
            lines,
            &format!("{indent}- "),
            &inner,
            &format!("**`{head}`**: {first}"),
        );
        for paragraph in paragraphs {
            lines.push(String::new());
            fill(lines, &inner, &inner, &paragraph);
        }
        if !row.keys.is_empty() {
            manual_keys(lines, &inner, row.keys);
            lines.push(format!("\n{inner}For example:"));
            code(lines, &inner, example_of(row).lines());
        }
        lines.extend((!row.choices.is_empty()).then(String::new));
        for choice in row.choices {
            let head = match choice.word {
                "" => OTHER.to_owned(),
                word => format!("`{}`", label(word)),
            };
            let text = text_of(choice.text);
            fill(
                lines,
                &format!("{inner}- "),
                &format!("{inner}  "),
                &format!("**{head}**: {text}"),
            );
        }
    }
}

fn code<'t>(lines: &mut Vec<String>, indent: &str, code: impl Iterator<Item = &'t str>) {
    lines.push(format!("\n{indent}```toml"));
    lines.extend(code.map(|line| format!("{indent}{line}")));
    lines.push(format!("{indent}```"));
}

/// A paragraph. The first of its lines has another beginning than the others.
fn fill(lines: &mut Vec<String>, first: &str, rest: &str, text: &str) {
    let mut text = text.to_owned();
    for section in SECTIONS {
        let (initial, others) = section.split_at(1);
        let heading = format!("{initial}{}", others.to_lowercase());
        let anchor = section.to_lowercase().replace(' ', "-");
        text = text.replace(&format!("`{section}`"), &format!("[{heading}](#{anchor})"));
    }
    let mut start = first;
    for line in wrapped(text.split(' '), WIDTH.saturating_sub(first.len())) {
        lines.push(format!("{start}{line}"));
        start = rest;
    }
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

fn text_of(text: &str) -> String {
    paragraphs(text).join(" ")
}

/// A doc comment has a blank line between paragraphs.
fn paragraphs(text: &str) -> Vec<String> {
    let words = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(words).collect()
}

pub fn wrapped<'w>(words: impl Iterator<Item = &'w str>, width: usize) -> Vec<String> {
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
