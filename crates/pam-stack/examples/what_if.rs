//! What happens to a login when a module returns this or that?
//!
//!     what_if HELPER MODULE SERVICE [ROOT]
//!
//! All other modules accept the user, except `pam_deny.so`. `cargo build -p pam-stack` builds HELPER, and ROOT is `/` if
//! it is not given.
#![allow(clippy::print_stdout, reason = "this program prints")]

use std::path::Path;

use pam_stack::{Code, Facility, Question, Rule, Stacks};

/// What a module that asks for a factor may return.
const CODES: [Code; 5] = [
    Code::SUCCESS,
    Code::IGNORE,
    Code::AUTH_ERR,
    Code::AUTHINFO_UNAVAIL,
    Code::MODULE_UNKNOWN,
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (helper, module, service, root) = match arguments.as_slice() {
        [helper, module, service] => (helper, module, service, "/"),
        [helper, module, service, root] => (helper, module, service, root.as_str()),
        _ => return Err("usage: what_if HELPER MODULE SERVICE [ROOT]".into()),
    };
    let mut stacks = Stacks::open(Path::new(helper), Path::new(root))?;
    for code in CODES {
        let question = Question::new(service, Facility::Auth, Code::SUCCESS)
            .rule(Rule::module(module, code))
            // Debian's common-auth ends with it.
            .rule(Rule::module("pam_deny.so", Code::AUTH_ERR));
        let answer = stacks.ask(&question)?;
        println!("{module} returns {code}: {service} gets {}", answer.code);
        for call in &answer.calls {
            println!("    {} {}", call.name(), call.code);
        }
        for line in &answer.messages {
            println!("    libpam says: {line}");
        }
    }
    Ok(())
}
