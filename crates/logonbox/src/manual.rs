//! `logonbox manual`: generates logonbox(8) from the help of the command line. There is one page
//! for all subcommands, because they are few and share files, exit status and examples.

use std::io::Write;

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use login::args::DEFAULT_PATH;
use login::pins::DIRECTORY;

use crate::check::ids;
use crate::cli::{Cli, EXAMPLES, EXIT_STATUS};
use crate::end::{End, Failure};

/// A fixed date, so that builds are reproducible.
const DATE: &str = "2026-11-22";
/// The width at which a line of the page's source is wrapped.
const LINE: usize = 72;

pub fn run(out: &mut dyn Write) -> Result<End, Failure> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone())
        .title("LOGONBOX")
        .section("8")
        .date(DATE)
        .source("pam_logonbox")
        .manual("System Manager's Manual");
    // Into memory first, so that only the last write can fail because of the output.
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    let mut roff = Roff::new();
    name_and_synopsis(&mut roff);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text(paragraph(
        "The administrator's command for pam_logonbox(8), a PAM module. It uses the module's own code, \
         so that it explains the module's real behaviour.",
    ));
    commands(&mut roff, &command);
    findings(&mut roff);
    list(&mut roff, "FILES", &files(), |path| italic(path));
    list(&mut roff, "EXIT STATUS", &EXIT_STATUS, |status| {
        bold(status)
    });
    let last = "If a signal ends a login, the same signal ends the command.";
    roff.control("PP", []).text([roman(last)]);
    list(&mut roff, "EXAMPLES", &EXAMPLES, |line| bold(line));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "pam_logonbox.toml(5), pam_logonbox-troubleshooting(7), pam_logonbox(8)",
    )]);
    roff.to_writer(&mut page)?;
    out.write_all(&page)?;
    Ok(End::Fine)
}

fn name_and_synopsis(roff: &mut Roff) {
    roff.control("SH", ["NAME"]);
    roff.text([roman(
        "logonbox - explain, check and try logins with pam_logonbox",
    )]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([
        bold("logonbox"),
        roman(" ["),
        bold("--conf"),
        roman(" "),
        italic("FILE"),
        roman("] "),
        italic("COMMAND"),
        roman(" [...]"),
    ]);
}

fn commands(roff: &mut Roff, command: &Command) {
    roff.control("SH", ["COMMANDS"]);
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    for command in command.get_subcommands().filter(shown) {
        roff.control("SS", [usage(command).as_str()]);
        text(roff, command.get_long_about().or(command.get_about()));
        options(roff, command.get_arguments().filter(|arg| is_own(arg)));
    }
    roff.control("SH", ["OPTIONS"]);
    roff.text([roman("Every command takes these:")]);
    options(roff, command.get_arguments());
}

/// Whether an argument belongs to this subcommand. The section OPTIONS describes the others.
fn is_own(arg: &Arg) -> bool {
    !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

/// For example `pin ACCOUNT`. The options follow separately.
fn usage(command: &Command) -> String {
    let mut usage = command.get_name().to_owned();
    for arg in command.get_positionals() {
        let name = value(arg);
        let (before, after) = match (arg.is_required_set(), arg.get_num_args()) {
            (true, _) => (" ", ""),
            (false, Some(range)) if range.max_values() > 1 => (" [", " ...]"),
            (false, _) => (" [", "]"),
        };
        usage.extend([before, &name, after]);
    }
    usage
}

fn options<'a>(roff: &mut Roff, arguments: impl Iterator<Item = &'a Arg>) {
    for arg in arguments {
        let mut head: Vec<Inline> = Vec::new();
        if let Some(short) = arg.get_short() {
            head.extend([bold(format!("-{short}")), roman(", ")]);
        }
        if let Some(long) = arg.get_long() {
            head.push(bold(format!("--{long}")));
        }
        if arg.is_positional() || arg.get_action().takes_values() {
            if !arg.is_positional() {
                head.push(roman(" "));
            }
            head.push(italic(value(arg)));
        }
        roff.control("TP", []);
        roff.text(head);
        text(roff, arg.get_help());
        let values = arg.get_possible_values();
        let values: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
        if arg.get_action().takes_values() && !values.is_empty() {
            roff.text([roman(format!("One of {}.", values.join(", ")))]);
        }
        if let [default] = arg.get_default_values()
            && arg.get_action().takes_values()
        {
            let default = default.to_string_lossy().into_owned();
            roff.text([roman("The default is "), bold(default), roman(".")]);
        }
    }
}

fn value(arg: &Arg) -> String {
    arg.get_value_names()
        .and_then(|names| names.first())
        .map_or_else(String::new, ToString::to_string)
}

/// One-line help has no full stop at its end. A manual page needs whole sentences.
fn text(roff: &mut Roff, help: Option<&StyledStr>) {
    paragraphs(roff, &help.map_or_else(String::new, ToString::to_string));
}

fn paragraphs(roff: &mut Roff, text: &str) {
    for (place, part) in text.split("\n\n").enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text(paragraph(part));
    }
}

/// Wraps lines, and starts a new line for each sentence. Text in backticks becomes bold.
fn paragraph(text: &str) -> Vec<Inline> {
    let text = text.trim().replace('\n', " ");
    let stop = if text.ends_with('.') { "" } else { "." };
    let mut inlines = Vec::new();
    let mut width = 0_usize;
    let mut between = "";
    for (place, part) in (text + stop).split('`').enumerate() {
        // Bold text has `\fB` and `\fR` around it.
        let is_bold = place % 2 == 1;
        let marks = if is_bold { 6 } else { 0 };
        let style = if is_bold { bold } else { roman };
        for word in part.split_inclusive(' ') {
            let bare = word.trim_end();
            if !between.is_empty() {
                let more = width.saturating_add(bare.len()).saturating_add(marks);
                between = if more > LINE { "\n" } else { between };
                width = if between == "\n" { 0 } else { width };
                inlines.push(roman(between));
            }
            width = width.saturating_add(word.len()).saturating_add(marks);
            inlines.push(style(bare.to_owned()));
            between = match word {
                _ if bare == word => "",
                _ if bare.ends_with('.') => "\n",
                _ => " ",
            };
        }
    }
    inlines
}

const FINDINGS: &str = "\
The command `check` reports findings, and the things that it checked or could not check. Each \
finding has an id in brackets, for scripts. An id never changes its meaning.

With `--json`, the report is one JSON object. Its members are `version` (of this command), `host` \
(the host's name), `findings` (the errors and warnings), `notes` and `checked`.

Each finding and each note has the members `id`, `severity` (error, warning or note), `area` (one \
of the headings below), `what` (the problem), `why` (its effect), `do` (the next step), `file` and \
`line`. The last two are null if the finding has no place.

Each entry of `checked` has the members `area`, `what` and `not_checked`. The last one is the \
reason if it could not be checked, and null otherwise.

These are the ids, with their severities.";

fn findings(roff: &mut Roff) {
    roff.control("SH", ["FINDINGS"]);
    paragraphs(roff, FINDINGS);
    for (heading, rows) in ids::by_area() {
        roff.control("SS", [heading]);
        for (id, sentence) in rows {
            roff.control("TP", []);
            roff.text([bold(id)]);
            roff.text(paragraph(&sentence));
        }
    }
}

fn files() -> [(&'static str, &'static str); 2] {
    [
        (DEFAULT_PATH, "the configuration: pam_logonbox.toml(5)"),
        (DIRECTORY, "the pinned keys, a file for each account"),
    ]
}

fn list(roff: &mut Roff, title: &str, rows: &[(&str, &str)], style: impl Fn(&str) -> Inline) {
    roff.control("SH", [title]);
    for (head, body) in rows {
        roff.control("TP", []);
        roff.text([style(head)]);
        roff.text([roman(*body)]);
    }
}
