//! The thread that speaks HTTPS: so that every call has a deadline, can be cancelled, and so that
//! a kept connection is looked after while nobody calls.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::Zeroizing;

use crate::cancel::Canceller;
use crate::classify::{chain, classify};
use crate::failure::{Failure, FailureKind};
use crate::mailbox::{End, Mailbox, State};
use crate::resolve::SystemResolver;
use crate::tls::{self, Roots};

/// Enough for TLS in a debug build; memory that is not touched costs nothing.
const STACK_BYTES: usize = 1 << 20;

/// How to reach servers.
#[derive(Debug)]
pub struct Options {
    /// Whose certificates are believed.
    pub roots: Roots,
    /// `http://name:port`.
    pub proxy: Option<String>,
    /// For the connection alone; a call's own time covers that, too.
    pub connect_timeout: Duration,
    /// Stops the transport.
    pub canceller: Canceller,
    /// What the client calls itself (RFC 9110, section 10.1.5).
    pub user_agent: &'static str,
}

/// What a request does (RFC 9110, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the methods of HTTP")]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// A header field. The value is wiped when dropped, and never shown.
#[derive(Clone)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// As it stands in the message.
    pub value: Zeroizing<String>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Header").field(&self.name).finish()
    }
}

/// What a request carries.
pub struct Body {
    /// Its media type.
    pub content_type: &'static str,
    /// Wiped when the connection lets go of it.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// One request.
pub struct Call {
    /// What to do.
    pub method: Method,
    /// With what: `https://...`.
    pub url: String,
    /// Header fields beside those that HTTP needs.
    pub headers: Vec<Header>,
    /// What is sent along.
    pub body: Option<Body>,
    /// For everything, from the name look-up to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub limit: usize,
}

/// One answer, whatever its status.
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields that are text.
    pub headers: Vec<Header>,
    /// Wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// The values of a header field, by its name in lower case.
    pub fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.headers
            .iter()
            .filter(move |header| header.name == name)
            .map(|header| header.value.as_str())
    }
}

/// The thread and the way to it. Dropping it closes the connection and ends the thread.
pub struct Transport {
    /// One call at a time.
    jobs: Mutex<Option<UnboundedSender<Call>>>,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Transport {
    /// Starts the thread. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Local`]: no thread, no descriptors, or no CA certificates;
    /// [`FailureKind::InvalidInput`]: the proxy.
    pub fn start(options: Options) -> Result<Self, Failure> {
        if options.canceller.is_cancelled() {
            return Err(Failure::new(FailureKind::Cancelled, ""));
        }
        let (jobs, queue) = unbounded_channel();
        let (ready, started) = channel();
        let mailbox = Arc::new(Mailbox::default());
        let answers = mailbox.clone();
        let thread = thread::Builder::new()
            .name("https-io".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&options, queue, answers, ready))
            .map_err(|error| Failure::new(FailureKind::Local, format!("no thread: {error}")))?;
        let transport = Self {
            jobs: Mutex::new(Some(jobs)),
            mailbox,
            thread: Some(thread),
        };
        // Nothing is ever sent: the thread lets go of it when it serves, or has ended.
        let _ = started.recv();
        transport.mailbox.ended().map_or(Ok(transport), Err)
    }

    /// Sends one request and waits for its answer, at most for its `timeout`.
    ///
    /// # Errors
    ///
    /// Why there is no answer; [`Failure::request_sent`] tells whether the request may be on its
    /// way all the same.
    pub fn call(&self, call: Call) -> Result<Reply, Failure> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*jobs {
            // Where the thread has ended, the mailbox says so.
            let _ = jobs.send(call);
        }
        let answer = self.mailbox.take();
        // Logged here, on the caller's thread, so that the caller can tell whose it is.
        match &answer {
            Ok(reply) => log::debug!("the server answers with HTTP status {}", reply.status),
            Err(failure) => log::debug!("no answer from the server: {failure}"),
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
    ready: Sender<()>,
) {
    let _end = End {
        mailbox: mailbox.clone(),
        canceller: options.canceller.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FailureKind::Local, format!("no event loop: {error}")));
    match runtime.and_then(|runtime| Ok((runtime, client(options)?))) {
        Ok((runtime, client)) => {
            let work = runtime.spawn(serve(client, queue, mailbox));
            options.canceller.watch(work.abort_handle());
            drop(ready);
            // Ends when the queue does, or when it is cancelled.
            let _ = runtime.block_on(work);
            runtime.shutdown_background();
        }
        Err(error) => mailbox.put(State::Ended(error)),
    }
}

fn client(options: &Options) -> Result<reqwest::Client, Failure> {
    let invalid = |error: reqwest::Error| Failure::new(FailureKind::InvalidInput, chain(&error));
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
        .user_agent(options.user_agent);
    if let Some(proxy) = &options.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(invalid)?);
    }
    builder
        .build()
        .map_err(|error| Failure::new(FailureKind::Local, chain(&error)))
}

async fn serve(client: reqwest::Client, mut queue: UnboundedReceiver<Call>, mailbox: Arc<Mailbox>) {
    while let Some(call) = queue.recv().await {
        mailbox.put(State::Answered(perform(&client, call).await));
    }
}

async fn perform(client: &reqwest::Client, call: Call) -> Result<Reply, Failure> {
    let timeout = call.timeout;
    tokio::time::timeout(timeout, exchange(client, call))
        .await
        .unwrap_or_else(|_| Err(Failure::new(FailureKind::TimedOut, "").after_sending()))
}

async fn exchange(client: &reqwest::Client, call: Call) -> Result<Reply, Failure> {
    let mut request = client.request(
        match call.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        },
        &call.url,
    );
    for header in &call.headers {
        let mut value = HeaderValue::from_str(&header.value).map_err(|_| {
            let what = format!("the header {} cannot be sent", header.name);
            Failure::new(FailureKind::InvalidInput, what)
        })?;
        value.set_sensitive(true);
        request = request.header(&header.name, value);
    }
    if let Some(body) = call.body {
        // RFC 9110, section 8.6: a POST says so where its content is empty. The library does not.
        if call.method == Method::Post && body.bytes.is_empty() {
            request = request.header(CONTENT_LENGTH, 0);
        }
        request = request
            .header(CONTENT_TYPE, body.content_type)
            .body(Bytes::from_owner(body.bytes));
    }
    let mut response = request.send().await.map_err(|error| {
        let before = error.is_connect() || error.is_builder();
        let error = classify(&error);
        if before { error } else { error.after_sending() }
    })?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some(Header {
                name: name.to_string(),
                value: Zeroizing::new(value.to_str().ok()?.to_owned()),
            })
        })
        .collect();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| classify(&error).after_sending())?
    {
        if chunk.len() > call.limit.saturating_sub(body.len()) {
            let what = format!("an answer of more than {} bytes", call.limit);
            return Err(Failure::new(FailureKind::NotUnderstood, what).after_sending());
        }
        make_room(&mut body, chunk.len(), call.limit);
        body.extend_from_slice(&chunk);
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// Makes room for `more` bytes, and for no more than `limit` in all. A vector that grows by itself
/// leaves a copy behind that is not wiped.
fn make_room(body: &mut Zeroizing<Vec<u8>>, more: usize, limit: usize) {
    let needed = body.len().saturating_add(more);
    if needed > body.capacity() {
        let capacity = needed.max(body.capacity().saturating_mul(2).min(limit));
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(body);
        *body = larger;
    }
}
