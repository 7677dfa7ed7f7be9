//! "Look at your phone", in a way that is seen in time.

use super::ask::{AT_ONCE, broke_off};
use crate::config::Announce;
use crate::host::Host;
use crate::verdict::Refusal;
use crate::wait::{Waiter, later};

/// Shows `line`; as a prompt, it ends in `end`. Gives a hint for the log where the
/// person will not see it in time.
pub(super) fn announce(
    host: &mut dyn Host,
    waiter: &dyn Waiter,
    configured: Announce,
    line: &str,
    end: &str,
) -> Result<Option<&'static str>, Refusal> {
    let announce = match configured {
        Announce::Auto if host.service() == "sshd" => Announce::Enter,
        Announce::Auto => Announce::Info,
        chosen => chosen,
    };
    match announce {
        Announce::None => Ok(None),
        Announce::Auto | Announce::Info => {
            host.inform(line);
            Ok(None)
        }
        Announce::Enter => {
            let asked_at = waiter.now();
            if host.press_enter(&format!("{line}\n{end}")).is_ok() {
                return Ok(None);
            }
            let at_once = waiter.now() < later(asked_at, AT_ONCE);
            if configured == Announce::Enter || !at_once {
                return Err(broke_off());
            }
            host.inform(line);
            Ok(Some(
                "sshd's password method shows the announcement too late; keyboard-interactive \
                 shows it in time",
            ))
        }
    }
}
