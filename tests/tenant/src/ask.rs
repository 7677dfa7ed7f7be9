//! From a request to a phone, and to what its person does: the same for direct signing and for
//! the redirect.

use tokio::time::sleep;

use crate::accounts::Account;
use crate::entry::Entry;
use crate::keys::{Hash, KeyPair};
use crate::scenario::Reaction;
use crate::seen::{HttpRequest, Press, SignRequest, Waiting};
use crate::server::Server;
use crate::wire::SignForm;

/// What came of a request.
pub(crate) struct Asked {
    pub(crate) outcome: Outcome,
    /// For the log.
    pub(crate) line: String,
}

pub(crate) enum Outcome {
    /// The connection is to be reset.
    Reset,
    /// No phone is asked.
    Problem(String),
    /// The phone did this.
    Did(Reaction, Chosen),
}

/// Asks the phone that the form is for. `line` is what the log says of the request. With `reset`
/// the request is noted, and goes no further.
pub(crate) async fn ask(
    server: &Server,
    form: &SignForm,
    http: HttpRequest,
    entry: &mut Entry<'_>,
    mut line: String,
    reset: bool,
) -> Asked {
    let chosen = choose(server, form);
    let id = note(server, form, chosen.as_ref().err().cloned(), http);
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
            line = format!(
                "{line} did={reaction} seconds={:.1}",
                entry.since.elapsed().as_secs_f64()
            );
            Outcome::Did(reaction, chosen)
        }
    };
    Asked { outcome, line }
}

/// The phone that a sign request is for.
pub(crate) struct Chosen {
    pub(crate) account: Account,
    pub(crate) phone: String,
    pub(crate) key: KeyPair,
    pub(crate) hash: Hash,
}

/// The phone that the form is for, or why there is none.
pub(crate) fn choose(server: &Server, form: &SignForm) -> Result<Chosen, String> {
    // What is wrong with the form itself says more.
    if let Some(problem) = &form.problem {
        return Err(problem.clone());
    }
    let username = &form.username;
    let account = server.options.accounts.find(username);
    let account = account.ok_or_else(|| format!("there is no account {username:?}"))?;
    let (phone, key) = account
        .phone_with(&form.fingerprint)
        .ok_or_else(|| format!("{:?} is no key of {username:?}", form.fingerprint))?;
    let hash = match (form.flags, key.is_rsa()) {
        (4, true) => Hash::Sha512,
        (2, true) => Hash::Sha256,
        // Ed25519 has a hash of its own.
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

/// Notes that a phone was to be asked, and gives the request a number.
fn note(server: &Server, form: &SignForm, problem: Option<String>, http: HttpRequest) -> u64 {
    server.watched.change(|seen| {
        let id = seen.sign_requests.len() as u64 + 1;
        seen.sign_requests.push(SignRequest {
            id,
            connection: http.connection,
            at: http.at,
            username: form.username.clone(),
            fingerprint: form.fingerprint.clone(),
            remote_name: form.remote_name.clone(),
            text: form.text.clone(),
            authorize_text: form.authorize_text.clone(),
            flags: form.flags,
            payload: form.payload.clone(),
            problem,
            http,
        });
        id
    })
}

/// Lets the person think, or waits for a real one.
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
    // Nothing else would tell the person to look there.
    entry.interim("waits for a person on the page");
    match pressed.await {
        Ok(Press::Authorize) => Reaction::Approve,
        Ok(Press::Decline) => Reaction::Decline,
        Ok(Press::WrongKey) => Reaction::WrongKey,
        Err(_) => Reaction::Never,
    }
}
