//! The I/O thread's side of a push: fetch the keys, count the attempt, push, verify.

use std::sync::Arc;
use std::time::Duration;

use logonbox_authenticator::{
    Approval, Client, ClientBuilder, ErrorKind, PublicKey, SignRequest, Wording,
};
use tokio::time::Instant;

use super::gate::Gate;
use super::{configured_key, trusting};
use crate::config::{Code, Config, Device};
use crate::io_thread::Line;
use crate::log::{self, Log, LogFields, PATIENCE, Severity};
use crate::outcome::{Reason, Refusal};
use crate::pins::Pinned;
use crate::policy::{Attempt, Limit};
use crate::system::System;

/// The most keys that a person chooses from.
const MOST_OFFERED: usize = 20;

/// Counting and logging take far less.
const MOST_TIME: Duration = Duration::from_secs(10);

/// A message from the task to the PAM thread.
pub(super) enum Event {
    /// With `code = "show"`: the attempt is counted, possibly with a hint for the log.
    Counted(String),
    /// The task asks the tenant for the keys.
    Asking,
    /// The keys of the account. The task waits for an [`Order`].
    Keys(Keys),
    /// The phone may ring from here on. The attempt is counted, possibly with a hint for the log.
    Ringing(PublicKey, String),
    Answered,
    Done(Result<(Approval, Attempt), End>),
}

/// Why there is no approval.
pub(super) enum End {
    Refused(Refusal),
    /// The conversation was over before the push could leave.
    NotSent,
}

impl<R: Into<Refusal>> From<R> for End {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// A message from the PAM thread to the task: send the push.
pub(super) struct Order {
    /// The key that the person chose.
    pub(super) key: Option<PublicKey>,
    /// The push leaves only while this is open.
    pub(super) gate: Gate,
}

/// The keys of an account.
pub(super) struct Keys {
    /// The key that the configuration chooses. If the person is asked, the first.
    pub(super) chosen: PublicKey,
    /// If the person is asked: the keys to choose from.
    pub(super) offered: Vec<PublicKey>,
    /// They are pinned on this host.
    pub(super) pinned: bool,
}

pub(super) struct Task {
    pub(super) config: Arc<Config>,
    pub(super) builder: ClientBuilder,
    pub(super) debug: Option<String>,
    /// Keys that replace the tenant's.
    pub(super) pinned: Option<Pinned>,
    pub(super) wording: Wording,
    pub(super) limit: Limit,
    pub(super) system: Arc<dyn System>,
    pub(super) log: Arc<dyn Log>,
    pub(super) fields: LogFields,
}

impl Task {
    pub(super) async fn run(self, mut line: Line<Event, Order>) {
        let result = self.login(&mut line).await;
        line.tell(Event::Done(result), Duration::ZERO);
    }

    async fn login(mut self, line: &mut Line<Event, Order>) -> Result<(Approval, Attempt), End> {
        if let Some(service) = &self.debug {
            log::debug_to(service);
        }
        let wait = self.config.wait;
        let mut counted = None;
        if self.config.conversation.code == Code::Show {
            let attempt = self.limit.count(&*self.system).await?;
            line.tell(Event::Counted(attempt.hint.clone()), wait.connect_seconds);
            counted = Some(attempt);
        }
        let client = trusting(self.builder, &self.config.tls).and_then(ClientBuilder::build)?;
        // Reading the CA certificates can take long on a network file system.
        line.stop_if_cancelled().await;
        if self.pinned.is_none() {
            line.tell(Event::Asking, wait.connect_seconds);
        }
        let keys = keys(
            &client,
            &self.config,
            self.pinned.as_ref(),
            &self.fields.account,
        )
        .await?;
        let mut key = keys.chosen.clone();
        let patience = wait.connect_seconds.saturating_add(PATIENCE);
        let order = line.ask(Event::Keys(keys), patience).await;
        if let Some(chosen) = order.key {
            key = chosen;
        }
        if !order.gate.opens().await {
            return Err(End::NotSent);
        }
        let is_shown = counted.is_some();
        let begun = Instant::now();
        let mut attempt = match counted {
            Some(attempt) => attempt,
            None => self.limit.count(&*self.system).await?,
        };
        if !order.gate.pass() {
            attempt.take_back();
            return Err(End::NotSent);
        }
        attempt.leaves(true);
        self.fields.chosen(&key);
        let ringing = self.fields.line("ringing");
        self.log.write(Severity::Info, &ringing, PATIENCE);
        // With `code = "show"`, the hint was told before.
        let hint = if is_shown {
            String::new()
        } else {
            attempt.hint.clone()
        };
        line.tell(Event::Ringing(key.clone(), hint), wait.login_seconds);
        // The caller of su can stop this process, and save up counted pushes.
        if begun.elapsed() > MOST_TIME {
            let what = "this process was stopped before the push";
            return Err(Refusal::new(Reason::LocalFailure, what).into());
        }
        let request = client
            .payload()
            .map(|payload| SignRequest::new(&self.fields.account, &key, self.wording, payload));
        let response = match request {
            Ok(request) => client.sign(request).await,
            Err(error) => Err(error),
        };
        let result = response.and_then(|response| {
            line.tell(Event::Answered, wait.connect_seconds);
            response.verify()
        });
        match result {
            Ok(approval) => Ok((approval, attempt)),
            Err(error) => {
                attempt.leaves(error.request_sent());
                // A code that was shown has used its attempt of the last ten minutes.
                if !error.request_sent() && !is_shown {
                    attempt.take_back();
                }
                let refusal = Refusal::from(error);
                Err(End::Refused(Refusal {
                    // A timeout is an outage only if the key list does not come.
                    unavailable: refusal.unavailable && refusal.reason != Reason::TimedOut,
                    ..refusal
                }))
            }
        }
    }
}

async fn keys(
    client: &Client,
    config: &Config,
    pinned: Option<&Pinned>,
    account: &str,
) -> Result<Keys, Refusal> {
    let fetched;
    let keys = if let Some(pinned) = pinned {
        &pinned.keys
    } else {
        fetched = client.keys(account).await?;
        &fetched
    };
    let device = &config.logonbox.device;
    let chosen = configured_key(client, device, keys).map_err(|error| match pinned {
        Some(pinned) if error.kind() == ErrorKind::NoUsableKey => {
            pinned.none_usable(error.detail())
        }
        _ => error.into(),
    })?;
    Ok(Keys {
        chosen: chosen.clone(),
        offered: match device {
            Device::Ask => {
                let choices = client.choices(keys).into_iter();
                choices.take(MOST_OFFERED).cloned().collect()
            }
            Device::First | Device::Named(_) => Vec::new(),
        },
        pinned: pinned.is_some(),
    })
}
