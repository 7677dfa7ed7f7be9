//! The pages in docs/man as mdoc(7), for man(1).
//!
//! They use a part of Markdown: headings, paragraphs, code blocks, tables, and lists whose items can
//! hold all of these. If the first item of a list begins with bold text and a colon, the bold texts
//! are the heads of the items.

use std::fs;
use std::iter::{self, Peekable};
use std::path::Path;

use crate::generated::wrapped;

/// A fixed date, so that builds are reproducible.
const DATE: &str = "November 30, 2026";
/// The longest line, in bytes.
const WIDTH: usize = 80;

/// A page of docs/man, for example `pam_logonbox.8.md`.
pub fn page(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (title, body) = text.split_once('\n').unwrap();
    let (name, description) = title.strip_prefix("# ").unwrap().split_once(": ").unwrap();
    let (name, section) = name.strip_suffix(')').unwrap().split_once('(').unwrap();
    let mut writer = Writer {
        path,
        lines: vec![
            format!(
                ".\\\" Made by \"make generate\" from docs/man/{name}.{section}.md: edit that file."
            ),
            format!(".Dd {DATE}"),
            format!(".Dt {} {section}", name.to_uppercase()),
            ".Os".to_owned(),
            ".Sh NAME".to_owned(),
            format!(".Nm {name}"),
            format!(".Nd {description}"),
        ],
    };
    writer.blocks(body);
    writer.lines.iter().flat_map(|line| [line, "\n"]).collect()
}

struct Writer<'p> {
    path: &'p Path,
    lines: Vec<String>,
}

impl Writer<'_> {
    fn blocks(&mut self, text: &str) {
        let mut lines = text.lines().peekable();
        let mut needs_space = false;
        while let Some(line) = lines.next() {
            if line.is_empty() || line.starts_with("<!--") {
                continue;
            }
            needs_space = if let Some(heading) = line.strip_prefix("### ") {
                self.lines
                    .push(format!(".Ss {}", arguments(&bare(heading))));
                false
            } else if let Some(heading) = line.strip_prefix("## ") {
                self.lines.push(format!(".Sh {}", heading.to_uppercase()));
                false
            } else {
                if line.starts_with("```") {
                    self.code(&mut lines);
                } else if item(line).is_some() {
                    let is_bullet = line.starts_with('-');
                    let rest = |next: &&str| {
                        next.is_empty()
                            || next.starts_with(' ')
                            || item(next).is_some() && next.starts_with('-') == is_bullet
                    };
                    self.list(line, iter::from_fn(|| lines.next_if(rest)));
                } else if line.starts_with('|') {
                    let rest = |next: &&str| next.starts_with('|');
                    self.table(line, iter::from_fn(|| lines.next_if(rest)));
                } else {
                    self.lines.extend(needs_space.then(|| ".Pp".to_owned()));
                    let rest = iter::from_fn(|| {
                        lines.next_if(|next| !next.is_empty() && !next.starts_with("```"))
                    });
                    let words: Vec<_> = iter::once(line).chain(rest).collect();
                    self.paragraph(&words.join(" "));
                }
                true
            };
        }
    }

    fn code<'t>(&mut self, lines: &mut Peekable<impl Iterator<Item = &'t str>>) {
        self.lines.push(".Bd -literal -offset indent".to_owned());
        let code = lines.take_while(|line| *line != "```");
        self.lines.extend(code.map(|line| protected(escaped(line))));
        self.lines.push(".Ed".to_owned());
    }

    fn list<'t>(&mut self, first: &'t str, rest: impl Iterator<Item = &'t str>) {
        let mut items: Vec<String> = Vec::new();
        let mut width = 0;
        for line in iter::once(first).chain(rest) {
            if let Some(text) = item(line) {
                width = line.len() - text.len();
                items.push(text.to_owned());
            } else {
                let text = line.get(width..).unwrap_or_default();
                items.last_mut().unwrap().extend(["\n", text]);
            }
        }
        let has_heads = head(&items[0]).is_some();
        self.lines.push(match first.as_bytes()[0] {
            b'-' if has_heads => ".Bl -tag -width Ds".to_owned(),
            b'-' => ".Bl -bullet".to_owned(),
            _ => ".Bl -enum".to_owned(),
        });
        for item in items {
            let mut body = item.as_str();
            if has_heads {
                let (line, rest) = head(&item).unwrap_or_else(|| panic!("no head: {item}"));
                self.lines.push(line);
                body = rest;
            } else {
                self.lines.push(".It".to_owned());
            }
            self.blocks(body);
        }
        self.lines.push(".El".to_owned());
    }

    /// The last column can be longer than a line, and has no width.
    fn table<'t>(&mut self, first: &'t str, rest: impl Iterator<Item = &'t str>) {
        let cells = |line: &str| -> Vec<String> {
            let line = line.strip_prefix("| ").unwrap().strip_suffix(" |").unwrap();
            line.split(" | ").map(bare).collect()
        };
        // The second line separates the head.
        let rows: Vec<_> = iter::once(first).chain(rest.skip(1)).map(cells).collect();
        let columns = 0..rows[0].len() - 1;
        let widths = columns.map(|column| {
            let widest = rows
                .iter()
                .map(|row| &row[column])
                .max_by_key(|cell| cell.len());
            format!(" \"{}\"", escaped(widest.unwrap()))
        });
        self.lines
            .push(format!(".Bl -column{}", widths.collect::<String>()));
        for (place, row) in rows.iter().enumerate() {
            let style = if place == 0 { "Sy " } else { "" };
            let cells: Vec<_> = row
                .iter()
                .map(|cell| format!("{style}{}", arguments(cell)))
                .collect();
            self.lines.push(format!(".It {}", cells.join(" Ta ")));
        }
        self.lines.push(".El".to_owned());
    }

    /// A line for each sentence, or more.
    fn paragraph(&mut self, text: &str) {
        let text: String = parts(text).iter().map(|part| self.part(part)).collect();
        let words: Vec<_> = text.split_whitespace().collect();
        for sentence in words.split_inclusive(|word| word.ends_with(['.', '?', '!'])) {
            let lines = wrapped(sentence.iter().copied(), WIDTH);
            self.lines.extend(lines.into_iter().map(protected));
        }
    }

    fn part(&self, part: &Part<'_>) -> String {
        match part {
            Part::Plain(text) => text.replace('\\', "\\e"),
            Part::Code(code) => match page_name(code) {
                Some((page, section)) => format!("{}({section})", bold(page)),
                None => bold(code),
            },
            Part::Strong(text) => bold(&bare(text)),
            Part::Emphasis(text) => format!("\\fI{text}\\fP"),
            Part::Link(text, target) => self.link(text, target),
        }
    }

    /// Links to other pages of the manual name the page and the section.
    fn link(&self, text: &str, target: &str) -> String {
        if target.starts_with("https://") {
            return format!("{text} <{target}>");
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        if file.is_empty() {
            return heading(self.path, anchor);
        }
        if file.starts_with("../") {
            let name = file.rsplit('/').next().unwrap();
            return if text == name {
                bold(name)
            } else {
                format!("{} ({})", bare(text), bold(name))
            };
        }
        let name = file.strip_suffix(".md").unwrap();
        let (name, section) = name.rsplit_once('.').unwrap();
        let page = format!("{}({section})", bold(name));
        match anchor {
            "" => page,
            anchor => format!(
                "{page}, {}",
                heading(&self.path.with_file_name(file), anchor)
            ),
        }
    }
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fP", escaped(text))
}

/// The heading of a page, as man(1) shows it.
fn heading(path: &Path, anchor: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let is_it = |line: &&str| {
        let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
        let name = line.trim_start_matches('#').trim();
        let name: String = name.chars().filter(kept).collect();
        line.starts_with('#') && name.to_lowercase().replace(' ', "-") == anchor
    };
    let line = text.lines().find(is_it);
    let line = line.unwrap_or_else(|| panic!("{}: no heading {anchor}", path.display()));
    match line.strip_prefix("## ") {
        Some(heading) => heading.to_uppercase(),
        None => bare(line.trim_start_matches('#').trim()),
    }
}

/// The text of a line that begins an item.
fn item(line: &str) -> Option<&str> {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    match number.strip_prefix(". ") {
        Some(text) if number.len() < line.len() => Some(text),
        _ => line.strip_prefix("- "),
    }
}

/// The `.It` line of an item with a head, and its text. A severity in parentheses can follow the
/// head.
fn head(item: &str) -> Option<(String, &str)> {
    let (head, mut rest) = item.strip_prefix("**")?.split_once("**")?;
    let head = head.replace('\n', " ");
    let mut line = ".It".to_owned();
    for part in parts(&head) {
        line.push(' ');
        match part {
            Part::Code(code) => line.push_str(&styled(code)),
            Part::Plain(", ") => line.push(','),
            Part::Plain(text) => line.extend(["Sy ", &arguments(text)]),
            _ => panic!("{head}"),
        }
    }
    if let Some((severity, after)) = rest
        .strip_prefix(" (")
        .and_then(|rest| rest.split_once(')'))
    {
        line.extend([" Pq ", severity]);
        rest = after;
    }
    let body = match rest.strip_prefix(':') {
        Some(body) => body.trim_start(),
        None if rest.is_empty() => rest,
        None => return None,
    };
    Some((line, body))
}

enum Part<'t> {
    Plain(&'t str),
    Code(&'t str),
    Strong(&'t str),
    Emphasis(&'t str),
    Link(&'t str, &'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut place) = (0, 0);
    while place < text.len() {
        let rest = text.get(place..).unwrap_or_default();
        let between = |mark: &str| rest.strip_prefix(mark)?.split_once(mark);
        let found = if let Some((code, after)) = between("`") {
            Some((Part::Code(code), after))
        } else if let Some((text, after)) = between("**") {
            Some((Part::Strong(text), after))
        } else if let Some((text, after)) = between("*") {
            Some((Part::Emphasis(text), after))
        } else {
            rest.strip_prefix('[').and_then(|rest| {
                let (text, rest) = rest.split_once("](")?;
                let (target, after) = rest.split_once(')')?;
                Some((Part::Link(text, target), after))
            })
        };
        let Some((part, after)) = found else {
            place += 1;
            continue;
        };
        parts.extend((start < place).then(|| Part::Plain(&text[start..place])));
        parts.push(part);
        place = text.len() - after.len();
        start = place;
    }
    parts.extend((start < text.len()).then(|| Part::Plain(&text[start..])));
    parts
}

/// A macro with its arguments, for a literal in a head.
fn styled(literal: &str) -> String {
    if let Some((page, section)) = page_name(literal) {
        return format!("Xr {} {section}", escaped(page));
    }
    let style = match literal {
        _ if literal.starts_with("PAM_") => "Dv",
        _ if literal.starts_with('/') => "Pa",
        _ => "Ic",
    };
    format!("{style} {}", arguments(literal))
}

/// The name and the section in `pam.d(5)`.
fn page_name(literal: &str) -> Option<(&str, &str)> {
    let (page, section) = literal.strip_suffix(')')?.rsplit_once('(')?;
    (section.len() == 1 && !page.contains(' ')).then_some((page, section))
}

/// Without the marks for literals.
fn bare(text: &str) -> String {
    text.replace('`', "")
}

/// Arguments of a macro. Words that mdoc(7) would take for macros or punctuation are protected.
fn arguments(text: &str) -> String {
    let protected = |word: &str| {
        let is_special = match word.as_bytes() {
            [] => true,
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

/// A line that begins like a request is text.
fn protected(line: String) -> String {
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line
    }
}

#[test]
fn words_that_mdoc_would_interpret_are_escaped() {
    let mut writer = Writer {
        path: Path::new(""),
        lines: Vec::new(),
    };
    writer.blocks(
        "A name (`no-key`), a (`Set No \"x\"` in `pam.d(5)`). **Never `a`**! 'Or `/a` \\ `a:`.\n\n\
         - **`code`, `mode`**: one\n- **bad** (info): two\n\n1. *x*\n   ```\n   .a - b\n   ```\n",
    );
    assert_eq!(
        writer.lines,
        [
            "A name (\\fBno\\-key\\fP), a (\\fBSet No \\(dqx\\(dq\\fP in \\fBpam.d\\fP(5)).",
            "\\fBNever a\\fP!",
            "\\&'Or \\fB/a\\fP \\e \\fBa:\\fP.",
            ".Bl -tag -width Ds",
            ".It Ic code , Ic mode",
            "one",
            ".It Sy bad Pq info",
            "two",
            ".El",
            ".Bl -enum",
            ".It",
            "\\fIx\\fP",
            ".Bd -literal -offset indent",
            "\\&.a \\- b",
            ".Ed",
            ".El",
        ]
    );
}
