//! The texts on the phone.

/// The default name of the program that asks, as in the vendor's clients.
pub const DEFAULT_REMOTE_NAME: &str = "LogonBox Authenticator API";
/// The default question on the phone.
pub const DEFAULT_PROMPT_TEXT: &str = "{username} wants to authenticate from {remoteName} using \
                                       your {hostname} credentials.";
/// The default button on the phone.
pub const DEFAULT_AUTHORIZE_TEXT: &str = "Authorize";

/// The texts that the phone shows. The signature does not cover them: they inform the user and are
/// no proof.
///
/// The protocol has only these three, so all fields are public:
///
/// ```
/// use logonbox_authenticator::Texts;
///
/// let texts = Texts {
///     remote_name: "the wiki".to_owned(),
///     ..Texts::default()
/// };
/// assert_eq!(
///     texts.question("lee@acme.com", "acme.logonbox.directory"),
///     "lee@acme.com wants to authenticate from the wiki using your acme.logonbox.directory \
///      credentials."
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Texts {
    /// The name of the program that asks.
    pub remote_name: String,
    /// The question. `{username}`, `{remoteName}` and `{hostname}` (the tenant's) are replaced. So
    /// is `{principal}`, which is the name of `{username}` in the vendor's Node and PHP clients.
    pub prompt: String,
    /// The button that approves.
    pub authorize: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            remote_name: DEFAULT_REMOTE_NAME.to_owned(),
            prompt: DEFAULT_PROMPT_TEXT.to_owned(),
            authorize: DEFAULT_AUTHORIZE_TEXT.to_owned(),
        }
    }
}

impl Texts {
    /// The question with its placeholders replaced. Placeholders in the values are not replaced: a
    /// principal named `{hostname}` keeps its name.
    #[must_use]
    pub fn question(&self, principal: &str, hostname: &str) -> String {
        let mut question = String::with_capacity(self.prompt.len());
        let mut rest = self.prompt.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            question.push_str(before);
            let value = after.split_once('}').and_then(|(name, after)| {
                let value = match name {
                    "username" | "principal" => principal,
                    "remoteName" => &self.remote_name,
                    "hostname" => hostname,
                    _ => return None,
                };
                Some((value, after))
            });
            if let Some((value, after)) = value {
                question.push_str(value);
                rest = after;
            } else {
                question.push('{');
                rest = after;
            }
        }
        question.push_str(rest);
        question
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_once() {
        let texts = Texts {
            prompt: "{username} = {principal} at {hostname} {nobody} {".to_owned(),
            ..Texts::default()
        };
        assert_eq!(
            texts.question("{hostname}", "acme.logonbox.directory"),
            "{hostname} = {hostname} at acme.logonbox.directory {nobody} {"
        );
    }
}
