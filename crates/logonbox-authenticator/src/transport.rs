//! HTTPS to one tenant, on a thread of its own: so that every call has a deadline, can be
//! cancelled, and so that a kept connection is looked after while nobody calls.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::Zeroizing;

use crate::cancel::Canceller;
use crate::classify::{chain, classify};
use crate::error::{Error, ErrorKind};
use crate::mailbox::{End, Mailbox, State, panicked};
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
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Wiped when dropped.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// The thread and the way to it. Dropping it closes the connection and ends the thread.
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
