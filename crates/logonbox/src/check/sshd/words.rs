//! Splits lines into words.

/// Splits at blanks outside of quotes, and removes the quotes. A backslash before a quote, a blank or
/// a backslash takes its meaning away.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match (sign, quote) {
            ('\\', _) if signs.peek().is_some_and(|next| "\\\"' ".contains(*next)) => {
                word.get_or_insert_default().extend(signs.next());
            }
            ('"' | '\'', None) => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (_, Some(open)) if open == sign => quote = None,
            (_, None) if sign.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    words
}
