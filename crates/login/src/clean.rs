//! Cleans text from outside before it reaches a terminal, a phone or a log.

/// The most characters of a value that are shown or logged.
const MAX_CHARS: usize = 256;

/// For a terminal: printable ASCII on one line. The ESC of an escape sequence becomes `?`.
#[must_use]
pub fn for_terminal(text: &str) -> String {
    clean(text, |c| c.is_ascii())
}

/// For a phone: any script, on one line.
#[must_use]
pub fn for_phone(text: &str) -> String {
    clean(text, |_| true)
}

/// For a quoted value in the log: any script, on one line. A quote becomes `'`. A backslash at the
/// end becomes `?`, because some log parsers read `\"` as an escaped quote.
#[must_use]
pub fn for_log(text: &str) -> String {
    let mut value = clean(text, |_| true).replace('"', "'");
    if value.ends_with('\\') {
        value.pop();
        value.push('?');
    }
    value
}

fn clean(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut cleaned: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| {
            if c.is_control() || is_invisible(c) || !allowed(c) {
                '?'
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        cleaned.push_str("...");
    }
    cleaned
}

/// Invisible characters that change the look of others: direction and joining marks, line and
/// paragraph separators, fillers, variation selectors, and tags. These are the Unicode 16
/// categories Cf, Zl and Zp, and `Default_Ignorable_Code_Point`.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_replaced() {
        assert_eq!(for_terminal("a\x1b[2J\u{9b}b\r\nc\0"), "a?[2J?b??c?");
        assert_eq!(for_terminal("caf\u{e9}"), "caf?");
        assert_eq!(for_phone("caf\u{e9}\u{202e}\n"), "caf\u{e9}??");
    }

    #[test]
    fn a_logged_value_cannot_end_its_quotes() {
        assert_eq!(for_log("x\" user=\"root\n\u{2028}"), "x' user='root??");
        assert_eq!(for_log("ACME\\lee"), "ACME\\lee");
        assert_eq!(for_log("x\\"), "x?");
        assert_eq!(for_log(r"x\\"), r"x\?");
    }

    /// One character of each block.
    #[test]
    fn invisible_characters_are_replaced() {
        let unseen = "\u{ad}\u{34f}\u{600}\u{61c}\u{6dd}\u{70f}\u{890}\u{8e2}\u{115f}\u{17b4}\u{180e}\
                      \u{200b}\u{202e}\u{2066}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{110bd}\
                      \u{110cd}\u{13430}\u{1343f}\u{1bca0}\u{1d173}\u{e0001}\u{e0100}";
        assert_eq!(for_log(unseen), "?".repeat(unseen.chars().count()));
        // Visible neighbours of these characters.
        let seen = "\u{ac}\u{ae}\u{88e}\u{8e1}\u{2010}\u{1342f}\u{1bc99}";
        assert_eq!(for_log(seen), seen);
    }

    #[test]
    fn values_are_bounded() {
        let long = "\u{e9}".repeat(10_000);
        assert_eq!(for_log(&long).chars().count(), MAX_CHARS + 3);
    }
}
