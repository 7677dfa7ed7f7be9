//! The same wait for everybody who cannot get in, however fast the reason is known.

use std::io;
use std::time::{Duration, Instant};

use super::stopped;
use crate::host::System;
use crate::verdict::{Refusal, Word};
use crate::wait::{Waiter, later, pause};

/// The shortest and the longest, in milliseconds.
const HOLD: (u32, u32) = (2000, 5000);

/// Waits until a random time after `since`.
pub(super) fn hold(
    system: &dyn System,
    waiter: &mut dyn Waiter,
    since: Instant,
) -> Result<(), Refusal> {
    let (shortest, longest) = HOLD;
    let range = longest.saturating_sub(shortest);
    // Without randomness, the longest for all.
    let extra = below(system, range).unwrap_or(range);
    let time = Duration::from_millis(u64::from(shortest.saturating_add(extra)));
    let left = later(since, time).saturating_duration_since(waiter.now());
    pause(waiter, left).map_err(stopped)
}

/// A random number below `bound`. The bias of the remainder is under one in 400,000 here.
pub(super) fn below(system: &dyn System, bound: u32) -> io::Result<u32> {
    let mut bytes = [0; 4];
    system.random(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes).checked_rem(bound).unwrap_or(0))
}

pub(super) fn no_randomness(error: &io::Error) -> Refusal {
    Refusal::new(Word::LocalFailure, format!("no randomness: {error}"))
}
