//! The source of a manual page: mdoc(7), as `make generate` writes it.

/// Lines of a page, without comments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'p>(&'p str);

/// An item of a list: its `.It` line after the first macro, and the text below.
#[derive(Debug)]
pub(super) struct Item {
    /// The first macro in the head, such as `Ic`. Empty if there is none.
    pub(super) style: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl<'p> Page<'p> {
    pub(super) fn new(source: &'p str) -> Self {
        Self(source)
    }

    /// The part below the heading `.Sh name`.
    pub(super) fn section(self, name: &str) -> Self {
        self.between(&format!(".Sh {name}"), &[".Sh "])
    }

    /// The parts below each `.Ss`, with their headings.
    pub(super) fn subsections(self) -> Vec<(&'p str, Self)> {
        self.0
            .lines()
            .filter_map(|line| line.strip_prefix(".Ss "))
            .map(|name| {
                (
                    name,
                    self.between(&format!(".Ss {name}"), &[".Ss ", ".Sh "]),
                )
            })
            .collect()
    }

    /// The parts before and after `text`.
    pub(super) fn split_at(self, text: &str) -> (Self, Self) {
        let (before, after) = self.0.split_once(text).unwrap_or_else(|| panic!("{text}"));
        (Self(before), Self(after))
    }

    fn between(self, start: &str, ends: &[&str]) -> Self {
        let (_, rest) = self
            .0
            .split_once(&format!("\n{start}\n"))
            .unwrap_or_else(|| panic!("{start} is missing"));
        ends.iter()
            .filter_map(|end| Some(rest.split_once(&format!("\n{end}"))?.0))
            .min_by_key(|part| part.len())
            .map_or(Self(rest), Self)
    }

    /// The items of all lists, those of inner lists included.
    pub(super) fn items(self) -> Vec<Item> {
        format!("\n{}", self.0)
            .split("\n.It ")
            .skip(1)
            .map(|item| {
                let (head, body) = item.split_once('\n').unwrap_or((item, ""));
                let macros = ["Ic ", "Sy ", "Dv ", "Ql ", "Cm ", "Pa "];
                let (style, head) = macros
                    .iter()
                    .find_map(|name| Some((name.trim_end(), head.strip_prefix(name)?)))
                    .unwrap_or(("", head));
                Item {
                    style: style.to_owned(),
                    head: plain(head),
                    body: body.to_owned(),
                }
            })
            .collect()
    }

    /// The displays between `.Bd -literal` and `.Ed`.
    pub(super) fn displays(self) -> Vec<String> {
        format!("\n{}", self.0)
            .split("\n.Bd -literal")
            .skip(1)
            .map(|display| {
                let (_, display) = display.split_once('\n').unwrap();
                let (display, _) = display.split_once("\n.Ed").unwrap();
                plain(display) + "\n"
            })
            .collect()
    }

    /// The literals.
    pub(super) fn quoted(self) -> Vec<String> {
        quoted(self.0)
    }
}

/// The literals in `text`, which are bold.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let parts = text.split("\\fB").skip(1);
    parts
        .map(|part| plain(part.split_once("\\fP").unwrap().0).replace('\n', " "))
        .collect()
}

/// Without the escapes of roff(7).
fn plain(text: &str) -> String {
    text.replace("\\(dq", "\"")
        .replace("\\(aq", "'")
        .replace("\\-", "-")
        .replace("\\&", "")
        .replace("\\e", "\\")
}
