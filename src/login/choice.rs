//! Which of several devices.

use std::fmt::Write as _;

use super::ask::CHANCES;
use crate::host::Secret;
use crate::verdict::{Refusal, Word};

/// Lets the person choose, with `ask`: the place of the chosen one in `devices`, which are fit for
/// a terminal.
///
/// # Errors
///
/// Those of `ask`, and [`Word::Conversation`] when nothing was chosen.
pub(crate) fn choose(
    devices: &[String],
    mut ask: impl FnMut(&str) -> Result<Secret, Refusal>,
) -> Result<usize, Refusal> {
    let question = question(devices.len());
    let mut prompt = format!("{}{question}", list(devices));
    for _ in 0..CHANCES {
        let answer = ask(&prompt)?;
        let number = str::from_utf8(&answer)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let place = number.and_then(|number: usize| number.checked_sub(1));
        if let Some(place) = place.filter(|place| *place < devices.len()) {
            return Ok(place);
        }
        prompt = format!("Please type one of the numbers.\n{question}");
    }
    let reason = "the person chose no device from the list";
    Err(Refusal::new(Word::Conversation, reason))
}

/// The devices, numbered from 1.
pub(crate) fn list(devices: &[String]) -> String {
    let mut list = "Which device?\n".to_owned();
    for (number, device) in (1..).zip(devices) {
        let _ = writeln!(list, "{number:3}. {device}");
    }
    list
}

pub(crate) fn question(count: usize) -> String {
    format!("Device (1-{count}): ")
}
