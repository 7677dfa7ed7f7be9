//! HTTPS to one tenant, on a thread of its own: so that every call has a deadline, can be
//! cancelled, and so that a kept connection is looked after while nobody calls.

use std::error::Error as StdError;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::Zeroizing;

use crate::cancel::Canceller;
use crate::error::{Error, ErrorKind, Unreachable};
use crate::resolve::SystemResolver;
use crate::tls::{self, Roots};

/// Enough for TLS in a debug build; memory that is not touched costs nothing.
const STACK_BYTES: usize = 1 << 20;

/// How to reach the tenant.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) roots: Roots,
    pub(crate) proxy: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) canceller: Canceller,
}

/// One request.
pub(crate) struct Call {
    pub(crate) url: String,
    /// A form makes it a POST.
    pub(crate) form: Option<Zeroizing<Vec<u8>>>,
    /// For everything, from the name look-up to the last byte of the answer.
    pub(crate) timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub(crate) limit: usize,
}

/// One answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Wiped when dropped.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Where the thread puts its answer. Unlike a channel it also tells that the thread has ended,
/// even by a panic that leaves the sending half behind somewhere in the event loop.
#[derive(Debug, Default)]
struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Empty,
    Answered(Result<Reply, Error>),
    Ended(Error),
}

impl Mailbox {
    fn put(&self, state: State) {
        let mut current = self.state();
        // Nothing comes after the end.
        if !matches!(*current, State::Ended(_)) {
            *current = state;
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Result<Reply, Error> {
        let mut state = self
            .changed
            .wait_while(self.state(), |state| matches!(state, State::Empty))
            .unwrap_or_else(PoisonError::into_inner);
        if let State::Ended(error) = &*state {
            // Nobody knows how far the request had got.
            return Err(error.clone().after_sending());
        }
        match std::mem::take(&mut *state) {
            State::Answered(answer) => answer,
            State::Empty | State::Ended(_) => Err(panicked()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the mailbox that its thread has ended, however it did.
struct End {
    mailbox: Arc<Mailbox>,
    canceller: Canceller,
}

impl Drop for End {
    fn drop(&mut self) {
        self.mailbox
            .put(State::Ended(if self.canceller.is_cancelled() {
                Error::new(ErrorKind::Cancelled, "")
            } else {
                panicked()
            }));
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Panicked, "")
}

/// The thread and the way to it. Dropping it closes the connection and ends the thread.
#[derive(Debug)]
pub(crate) struct Transport {
    /// One call at a time.
    jobs: Mutex<Option<UnboundedSender<Call>>>,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Transport {
    /// # Errors
    ///
    /// [`ErrorKind::Local`]: no thread, no descriptors, or no CA certificates;
    /// [`ErrorKind::InvalidInput`]: the proxy.
    pub(crate) fn start(options: Options) -> Result<Self, Error> {
        let (jobs, queue) = unbounded_channel();
        let (ready, started) = sync_channel(1);
        let mailbox = Arc::new(Mailbox::default());
        let answers = mailbox.clone();
        let thread = thread::Builder::new()
            .name("logonbox-io".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&options, queue, answers, &ready))
            .map_err(|error| Error::new(ErrorKind::Local, format!("no thread: {error}")))?;
        let transport = Self {
            jobs: Mutex::new(Some(jobs)),
            mailbox,
            thread: Some(thread),
        };
        started.recv().unwrap_or_else(|_| Err(panicked()))?;
        Ok(transport)
    }

    /// Sends one request and waits for its answer, at most for its `timeout`.
    pub(crate) fn call(&self, call: Call) -> Result<Reply, Error> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*jobs {
            // Where the thread has ended, the mailbox says so.
            let _ = jobs.send(call);
        }
        let answer = self.mailbox.take();
        // Logged here, on the caller's thread, so that the caller can tell whose it is.
        match &answer {
            Ok(reply) => log::debug!("the tenant answers with HTTP status {}", reply.status),
            Err(error) => log::debug!("no answer from the tenant: {error}"),
        }
        answer
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // Without a sender the thread's queue ends, and with it the thread. It never blocks in
        // anything but its own event loop, so this takes no time.
        *self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    options: &Options,
    queue: UnboundedReceiver<Call>,
    mailbox: Arc<Mailbox>,
    ready: &SyncSender<Result<(), Error>>,
) {
    let _end = End {
        mailbox: mailbox.clone(),
        canceller: options.canceller.clone(),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::new(ErrorKind::Local, format!("no event loop: {error}"));
            let _ = ready.send(Err(error));
            return;
        }
    };
    match client(options) {
        Ok(client) => {
            let work = runtime.spawn(serve(client, queue, mailbox));
            options.canceller.watch(work.abort_handle());
            let _ = ready.send(Ok(()));
            // Ends when the queue does, or when it is cancelled.
            let _ = runtime.block_on(work);
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
    runtime.shutdown_background();
}

fn client(options: &Options) -> Result<reqwest::Client, Error> {
    let invalid = |error: reqwest::Error| Error::new(ErrorKind::InvalidInput, chain(&error));
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(&options.roots)?)
        .dns_resolver(SystemResolver)
        .https_only(true)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(1)
        .connect_timeout(options.connect_timeout)
        .user_agent(concat!(
            "logonbox-authenticator-rust/",
            env!("CARGO_PKG_VERSION")
        ));
    if let Some(proxy) = &options.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(invalid)?);
    }
    builder
        .build()
        .map_err(|error| Error::new(ErrorKind::Local, chain(&error)))
}

async fn serve(client: reqwest::Client, mut queue: UnboundedReceiver<Call>, mailbox: Arc<Mailbox>) {
    while let Some(call) = queue.recv().await {
        mailbox.put(State::Answered(perform(&client, call).await));
    }
}

async fn perform(client: &reqwest::Client, call: Call) -> Result<Reply, Error> {
    let timeout = call.timeout;
    tokio::time::timeout(timeout, exchange(client, call))
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "").after_sending()))
}

async fn exchange(client: &reqwest::Client, call: Call) -> Result<Reply, Error> {
    let request = match call.form {
        None => client.get(&call.url),
        Some(form) => client
            .post(&call.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            // Owned, so that it is wiped when the connection lets go of it.
            .body(Bytes::from_owner(form)),
    };
    let mut response = request.send().await.map_err(|error| {
        let before = error.is_connect() || error.is_builder();
        let error = classify(&error);
        if before { error } else { error.after_sending() }
    })?;
    let status = response.status().as_u16();
    // Room for the whole answer at once: growing would leave copies behind that are not wiped.
    let mut body = Zeroizing::new(Vec::with_capacity(call.limit));
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| classify(&error).after_sending())?
    {
        if chunk.len() > call.limit.saturating_sub(body.len()) {
            let what = format!("an answer of more than {} bytes", call.limit);
            return Err(Error::new(ErrorKind::NotUnderstood, what).after_sending());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}

/// What an error of the HTTP library means to the person who runs this host.
fn classify(error: &reqwest::Error) -> Error {
    let kind = if let Some(kind) = causes(error).find_map(told_by_cause) {
        kind
    } else if error.is_timeout() {
        ErrorKind::TimedOut
    } else if error.is_dns() {
        ErrorKind::Unreachable(Unreachable::Lookup)
    } else if error.is_connect() {
        // What is left: the proxy said no, or the other side hung up in the TLS handshake.
        ErrorKind::Unreachable(
            if causes(error).any(|cause| cause.to_string().contains("tunnel")) {
                Unreachable::Proxy
            } else {
                Unreachable::Cut
            },
        )
    } else if causes(error).any(<dyn StdError>::is::<io::Error>) {
        ErrorKind::Unreachable(Unreachable::Cut)
    } else {
        ErrorKind::NotUnderstood
    };
    Error::new(kind, chain(error))
}

/// What one cause in the chain says for certain.
fn told_by_cause(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if cause.is::<rustls::Error>() {
        return Some(ErrorKind::Tls);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // What an I/O error wraps is not among its sources, and may be another I/O error.
    if let Some(inner) = error.get_ref() {
        return told_by_cause(inner);
    }
    if error.raw_os_error().is_some_and(is_local) {
        return Some(ErrorKind::Local);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Unreachable::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Unreachable::NoRoute)
        }
        _ => None,
    }
    .map(ErrorKind::Unreachable)
}

/// Errors of this machine, by number (Linux, errno(3)): no permission to connect (a local
/// firewall, or `SELinux`), no memory, descriptors, threads or local ports left.
fn is_local(errno: i32) -> bool {
    const EPERM: i32 = 1;
    const EAGAIN: i32 = 11;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EADDRNOTAVAIL: i32 = 99;
    const ENOBUFS: i32 = 105;
    [
        EPERM,
        EAGAIN,
        ENOMEM,
        EACCES,
        ENFILE,
        EMFILE,
        EADDRNOTAVAIL,
        ENOBUFS,
    ]
    .contains(&errno)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The innermost two causes: the outer ones say no more than that a request failed.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.dedup();
    let start = texts.len().saturating_sub(2);
    match texts.get(start..) {
        Some(inner) if !inner.is_empty() => inner.join(": "),
        _ => "the request failed".to_owned(),
    }
}
