//! A hostile local user: the environment, the fields of the user database, the names, the files in place
//! of the configuration, and what is typed. What each was seen to fail for: docs/mistakes-of-others.md.

mod environment;
mod files;
mod names;
mod typed;
