//! Takes a sign request to the phone and waits for the user. Direct signing and the redirect share
//! this.

use tokio::time::sleep;

use crate::accounts::Account;
use crate::entry::Entry;
use crate::keys::{Hash, KeyPair};
use crate::scenario::Reaction;
use crate::seen::{HttpRequest, SignRequest, State, Waiting};
use crate::server::Server;
use crate::wire::SignForm;

/// The result of a sign request.
pub(crate) struct Asked {
    pub(crate) outcome: Outcome,
    /// The text for the log.
    pub(crate) line: String,
}

pub(crate) enum Outcome {
    /// Reset the connection.
    Reset,
    /// No phone can be asked.
    Problem(String),
    /// The phone has reacted.
    Did(Reaction, Chosen),
}

/// Asks the phone that the form names. `line` describes the request in the log. If `reset` is set,
/// the request is only recorded.
pub(crate) async fn ask(
    server: &Server,
    form: &SignForm,
    http: HttpRequest,
    entry: &mut Entry<'_>,
    mut line: String,
    reset: bool,
) -> Asked {
    let chosen = choose(server, form);
    let id = note(server, form, &chosen, http);
    entry.sign_request = Some(id);
    entry.line.clone_from(&line);
    let outcome = match chosen {
        _ if reset => Outcome::Reset,
        Err(problem) => {
            line = format!("{line} problem={problem:?}");
            Outcome::Problem(problem)
        }
        Ok(chosen) => {
            line = format!(
                "{line} phone={:?} ({})",
                chosen.phone,
                chosen.key.algorithm()
            );
            entry.line.clone_from(&line);
            let reaction = react(server, &chosen, form, entry, id).await;
            let state = State::Did(reaction);
            server
                .watched
                .change(|seen| seen.sign_request_is(id, state));
            line = format!(
                "{line} did={reaction} seconds={:.1}",
                entry.since.elapsed().as_secs_f64()
            );
            Outcome::Did(reaction, chosen)
        }
    };
    Asked { outcome, line }
}

/// The phone and key that a sign request names.
pub(crate) struct Chosen {
    pub(crate) account: Account,
    pub(crate) phone: String,
    pub(crate) key: KeyPair,
    pub(crate) hash: Hash,
}

/// Finds the phone that the form names.
pub(crate) fn choose(server: &Server, form: &SignForm) -> Result<Chosen, String> {
    // A problem with the form itself explains more.
    if let Some(problem) = &form.problem {
        return Err(problem.clone());
    }
    let username = &form.username;
    let account = server.account(username);
    let account = account.ok_or_else(|| format!("there is no account {username:?}"))?;
    let (phone, key) = account
        .phone_with(&form.fingerprint)
        .ok_or_else(|| format!("{:?} is no key of {username:?}", form.fingerprint))?;
    let hash = match (form.flags, key.is_rsa()) {
        (4, true) => Hash::Sha512,
        (2, true) => Hash::Sha256,
        // Ed25519 has its own hash.
        (0, _) => Hash::Sha1,
        (flags, _) => {
            return Err(format!(
                "the flags {flags} do not go with an {} key",
                key.algorithm()
            ));
        }
    };
    Ok(Chosen {
        account,
        phone: phone.name,
        key,
        hash,
    })
}

/// Records the request and gives it a number.
fn note(
    server: &Server,
    form: &SignForm,
    chosen: &Result<Chosen, String>,
    http: HttpRequest,
) -> u64 {
    server.watched.change(|seen| {
        seen.sign_request(SignRequest {
            id: 0,
            connection: http.connection,
            at: http.at,
            username: form.username.clone(),
            phone: chosen.as_ref().ok().map(|chosen| chosen.phone.clone()),
            state: match chosen {
                Ok(_) => State::Ringing,
                Err(_) => State::Invalid,
            },
            fingerprint: form.fingerprint.clone(),
            remote_name: form.remote_name.clone(),
            text: form.text.clone(),
            authorize_text: form.authorize_text.clone(),
            flags: form.flags,
            payload: form.payload.clone(),
            problem: chosen.as_ref().err().cloned(),
            http,
        })
    })
}

/// Waits for the simulated or real user.
async fn react(
    server: &Server,
    chosen: &Chosen,
    form: &SignForm,
    entry: &Entry<'_>,
    id: u64,
) -> Reaction {
    match chosen.account.reaction {
        Reaction::Page => {}
        Reaction::Never => return Reaction::Never,
        reaction => {
            sleep(chosen.account.think).await;
            return reaction;
        }
    }
    let waiting = Waiting {
        id,
        account: form.username.clone(),
        phone: chosen.phone.clone(),
        remote_name: form.remote_name.clone(),
        text: form.text.clone(),
        authorize_text: form.authorize_text.clone(),
    };
    let pressed = server.watched.change(|seen| seen.wait_for_press(waiting));
    // Without this line, the user would not know that the page waits.
    entry.interim("waits for a person on the page");
    // After a reset, no user can answer any more.
    pressed.await.map_or(Reaction::Unreachable, Reaction::from)
}
