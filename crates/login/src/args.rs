//! The module's arguments in a `pam.d` file.

use std::ffi::CStr;
use std::path::PathBuf;

/// The configuration file, unless `conf=` names another.
pub const DEFAULT_PATH: &str = "/etc/security/pam_logonbox.toml";

/// The module's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// `conf=PATH`.
    pub path: PathBuf,
    /// `debug`.
    pub debug: bool,
}

impl Args {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// Names the first unknown argument. A mistyped argument must refuse the login.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a CStr>) -> Result<Self, String> {
        let mut path = None;
        let mut debug = false;
        for word in words {
            let word = word
                .to_str()
                .map_err(|_| "an argument is not UTF-8".to_owned())?;
            if let Some(value) = word.strip_prefix("conf=") {
                if !value.starts_with('/') {
                    return Err(format!("argument {word:?}: conf= needs an absolute path"));
                }
                if path.replace(PathBuf::from(value)).is_some() {
                    return Err("argument conf= is given twice".to_owned());
                }
            } else if word == "debug" {
                debug = true;
            } else {
                return Err(format!(
                    "unknown argument {word:?}: known are conf=PATH and debug"
                ));
            }
        }
        Ok(Self {
            path: path.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH)),
            debug,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_arguments() {
        let args = Args::parse([c"conf=/x.toml", c"debug"]).unwrap();
        assert_eq!(args.path, PathBuf::from("/x.toml"));
        assert!(args.debug);
        let args = Args::parse([]).unwrap();
        assert_eq!(args.path, PathBuf::from(DEFAULT_PATH));
        assert!(!args.debug);
    }

    #[test]
    fn everything_else_is_an_error() {
        for words in [
            &[c"Debug"][..],
            &[c"conf"],
            &[c"conf="],
            &[c"conf=relative.toml"],
            &[c"conf=/a", c"conf=/b"],
            &[c"nullok"],
            &[c""],
            &[c"\xff"],
        ] {
            assert!(Args::parse(words.iter().copied()).is_err(), "{words:?}");
        }
    }
}
