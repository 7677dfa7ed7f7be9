//! A hostile local user: the environment, the fields of the user database, names, files in place of
//! the configuration, and typed input. docs/mistakes-of-others.md says which change makes each test
//! fail.

mod environment;
mod files;
mod names;
mod typed;
