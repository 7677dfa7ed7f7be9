//! Delays refusals that could reveal user names. The time of such a refusal does not show its
//! reason.

use std::io;
use std::time::{Duration, Instant};

use crate::clock::{Clock, later, pause};
use crate::outcome::{Reason, Refusal};
use crate::system::System;

/// The shortest and the longest delay, in milliseconds.
const DELAY: (u32, u32) = (2000, 5000);

/// Waits until a random time, 2 to 5 seconds after `since`.
///
/// # Errors
///
/// [`Reason::Interrupted`].
pub(crate) fn delay_refusal(
    system: &dyn System,
    clock: &mut dyn Clock,
    since: Instant,
) -> Result<(), Refusal> {
    let (shortest, longest) = DELAY;
    let range = longest.saturating_sub(shortest);
    // Without random bytes: the longest for all.
    let extra = below(system, range).unwrap_or(range);
    let time = Duration::from_millis(u64::from(shortest.saturating_add(extra)));
    let left = later(since, time).saturating_duration_since(clock.now());
    pause(clock, left).map_err(|signal| Refusal::new(Reason::Interrupted, signal))
}

/// A random number below `bound`. For the bounds used here the bias is below 1 in 400,000.
pub(crate) fn below(system: &dyn System, bound: u32) -> io::Result<u32> {
    let mut bytes = [0; 4];
    system.random(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes).checked_rem(bound).unwrap_or(0))
}
