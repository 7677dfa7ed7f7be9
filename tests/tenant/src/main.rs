//! The simulated tenant as a program.

mod state;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tenant::{
    Accounts, BadAnswer, Comeback, DeviceList, Image, Listing, Log, Options, PASSWORD, Place,
    Reaction, SecondFactor, Tenant, Token, Variation,
};

/// How many requests and log lines the program keeps.
const HISTORY: usize = 1000;

const ABOUT: &str = "\
A simulated LogonBox tenant: a real HTTPS server with simulated phones.

Point a LogonBox client at the host and port that are printed at the start, let \
it trust the CA file, and log in. Who logs in decides what happens: `approve` \
gets a signature, `decline` does not, `page` waits for a person who opens the \
tenant's page in a browser and presses a button there. Web applications can send \
their browsers there, too (the server redirect).

It is a simulated Airlock IAM as well, at the URL that is printed, where `lee` \
and others log in with a password, a phone or a hardware token.";

const MORE: &str = "\
Accounts:
  Without --accounts, an account's name says what happens. It is made of parts
  with dots between them, and may end in any @domain:
    approve                       signs at once
    approve@acme.example          the same
    decline.rsa                   an RSA phone, which declines
    keys-crlf                     approves; the key list's lines end in CR LF
    wrong-key.rsa.keys-no-comment all together
  Without `rsa` and `ed25519`, there is one phone, which publishes two keys as
  at a real tenant. They choose phones with one key each, in that order.
  --list-scenarios names and explains all parts.

  With --accounts, only the accounts of a TOML file are there:
    [[account]]
    name = \"lee@logonbox.com\"
    phones = [{ name = \"Pixel 8\" }, { name = \"Old phone\", key = \"rsa\" }]
    phone = \"approve\"    # what happens to a sign request
    seconds = 1.5        # how long the person takes
    list = \"normal\"      # how the key list is served
    redirect = \"normal\"  # what a browser takes back
  All but the name may be left out. A phone without `key` publishes two keys:
  LogonBox Key and Legacy RSA. Keys are ed25519, rsa, rsa-3072, rsa-1024 or
  weak-ed25519; `published = false` keeps a phone's keys out of the key list.

Airlock IAM:
  A user's name says what happens, and the password is correct-horse:
    lee                           chooses among a phone and two hardware tokens
    token                         has one hardware token
    otp.one-try                   has an OTP (A1b2C3), and one try at it
    token.gateway.last-html       parts as above, with dots between them
  --list-scenarios names and explains all parts. A hardware token scans a QR
  code on the screen and answers with an OTP:
    logonbox-tenant token GAQT12345678 < screen.txt
    logonbox-tenant token GAQT12345678 code.png

The API plays the user of an account whose phone is `page`, for tests:
    GET  /api/v1/requests?wait=10    the requests that wait, with their codes
    POST /api/v1/requests/ID/approve, decline or wrong-key
    GET  /api/v1/log                 each request, as it is printed
    POST /api/v1/accounts            an account as above, as JSON
    POST /api/v1/reset               forgets all of it
    GET  /api/v1/ca                  the CA certificate

Examples:
  logonbox-tenant --listen 127.0.0.1:8443 --seconds 2
  curl --cacert logonbox-tenant-ca.pem https://localhost:8443/app/api/authenticator/keys/approve

  In a script:
    logonbox-tenant --port-file port --ca ca.pem & tenant=$!
    until [ -s port ]; do sleep 0.1; done
    run-my-tests \"localhost:$(cat port)\" ca.pem
    kill $tenant

The phones' private keys and the tokens' secrets are known to everybody who has
this program. Let no real system trust them.";

#[derive(Debug, Parser)]
#[command(name = "logonbox-tenant", version, about = "A simulated LogonBox tenant with phones", long_about = ABOUT)]
#[command(after_long_help = MORE, after_help = "--help says more.")]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,

    /// Where to listen; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:0",
        env = "LOGONBOX_TENANT_LISTEN"
    )]
    listen: SocketAddr,

    /// Allow --listen to name an address that other machines can reach
    #[arg(long, env = "LOGONBOX_TENANT_ALLOW_REMOTE")]
    allow_remote: bool,

    /// A TOML file with the accounts, instead of the built-in scenarios
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,

    /// Where to write the certificate of the CA that clients have to trust
    /// [default: ./logonbox-tenant-ca.pem, or DIR/ca.pem with --state]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// A directory that keeps the CA, so that it stays the same at each start.
    /// It is made if it is missing
    #[arg(long, value_name = "DIR", env = "LOGONBOX_TENANT_STATE")]
    state: Option<PathBuf>,

    /// One more name or address on the server's certificate, besides localhost;
    /// may be repeated, or be a list with commas
    #[arg(
        long = "name",
        value_name = "NAME",
        value_delimiter = ',',
        env = "LOGONBOX_TENANT_NAME"
    )]
    names: Vec<String>,

    /// A file that gets the port's number as soon as the server listens, and is
    /// removed at the end
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,

    /// How long the persons of the built-in scenarios take
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds, conflicts_with = "accounts")]
    seconds: Duration,

    /// Print the parts of which the names of the built-in accounts are made
    #[arg(long)]
    list_scenarios: bool,
}

/// What the program can do instead of being a tenant.
#[derive(Debug, Subcommand)]
enum Task {
    /// Be a hardware token: read the QR code on a screen or in a PNG, and print
    /// the OTP
    Token {
        /// The token's serial number, which is its name in the device list
        serial: String,

        /// The text of a terminal, or a PNG [default: the standard input]
        file: Option<PathBuf>,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Some(Task::Token { serial, file }) => scan(serial, file.as_deref()),
        None if arguments.list_scenarios => list_scenarios(),
        None => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `logonbox-tenant --list-scenarios | head` must not fail.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(error)) => fail(&error.to_string()),
        Err(Failure::Said(why)) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "logonbox-tenant: {why}");
    ExitCode::FAILURE
}

/// Why the program ends early.
enum Failure {
    Said(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Acts as a hardware token.
fn scan(serial: &str, file: Option<&Path>) -> Result<(), Failure> {
    let mut picture = Vec::new();
    let read = match file {
        None => io::stdin().lock().read_to_end(&mut picture),
        Some(file) => File::open(file).and_then(|mut open| open.read_to_end(&mut picture)),
    };
    read.map_err(|error| {
        let name = file.map_or("the standard input".into(), Path::to_string_lossy);
        Failure::Said(format!("cannot read {name}: {error}"))
    })?;
    let token = Token::new(serial);
    let otp = if picture.starts_with(b"\x89PNG\r\n\x1a\n") {
        token.read_image(&picture)
    } else {
        token.read(&String::from_utf8_lossy(&picture))
    };
    let otp =
        otp.map_err(|error| Failure::Said(format!("the token {serial:?} shows nothing: {error}")))?;
    writeln!(io::stdout(), "{otp}")?;
    Ok(())
}

fn list_scenarios() -> Result<(), Failure> {
    /// The names and explanations of an enum, with a prefix.
    macro_rules! all {
        ($type:ident, $prefix:literal) => {
            $type::ALL
                .iter()
                .map(|one| (format!("{}{}", $prefix, one.name()), one.about()))
                .collect::<Vec<_>>()
        };
    }
    let keys = [
        ("ed25519".to_owned(), "a phone with one key, of Ed25519"),
        (
            "rsa".to_owned(),
            "a phone with one key, of RSA with 2048 bits",
        ),
    ];
    let mut factors = all!(SecondFactor, "");
    factors.push((
        "step-NAME".into(),
        "a step of this name, which goes no further",
    ));
    let lists = [
        ("What the phone does:", all!(Reaction, "")),
        (
            "How the key list is served (alone, the phone approves):",
            all!(Listing, "keys-"),
        ),
        (
            "What a browser takes back from a redirect (alone, the phone approves):",
            all!(Comeback, "redirect-"),
        ),
        (
            "Which phones there are, in this order (without: one phone with two keys):",
            keys.to_vec(),
        ),
        (
            "Airlock IAM: the second factor of a user (without: token, or what the other parts need):",
            factors,
        ),
        ("Airlock IAM: what is different", all!(Variation, "")),
        (
            "Airlock IAM: how the device list is served:",
            all!(DeviceList, "devices-"),
        ),
        (
            "Airlock IAM: how the QR code's image is made:",
            all!(Image, "image-"),
        ),
        (
            "Airlock IAM: where a bad answer comes; each goes with each of the next, as in last-html:",
            all!(Place, ""),
        ),
        ("Airlock IAM: the bad answers:", all!(BadAnswer, "")),
    ];
    let mut out = io::stdout().lock();
    for (title, parts) in lists {
        writeln!(out, "{title}")?;
        for (name, about) in parts {
            writeln!(out, "  {name:<22} {about}")?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "Put dots between parts, and any @domain at the end: decline.rsa.keys-crlf@acme.example"
    )?;
    Ok(())
}

/// The certificate of the CA.
fn ca_file(arguments: &Arguments) -> PathBuf {
    let kept = || arguments.state.as_deref().map(state::certificate);
    let file = arguments.ca.clone().or_else(kept);
    file.unwrap_or_else(|| "./logonbox-tenant-ca.pem".into())
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let listen = arguments.listen;
    if !listen.ip().is_loopback() && !arguments.allow_remote {
        return Err(Failure::Said(format!(
            "{listen} can be reached from other machines, where anybody could then authorize logins: \
             the phones' keys are known to everybody. Listen on 127.0.0.1, or add --allow-remote if \
             nothing of value trusts this tenant"
        )));
    }
    let accounts = match &arguments.accounts {
        Some(file) => {
            Accounts::from_file(file).map_err(|error| Failure::Said(error.to_string()))?
        }
        None => Accounts::scenarios(arguments.seconds),
    };
    let mut options = Options {
        listen,
        accounts: accounts.clone(),
        ..Options::default()
    };
    if !listen.ip().is_loopback() && !listen.ip().is_unspecified() {
        options.names.push(listen.ip().to_string());
    }
    options.names.extend(arguments.names.iter().cloned());
    // A log that cannot be written must not delay an answer.
    options.log = Some(Log::new(|line| drop(writeln!(io::stdout(), "{line}"))));

    options.history = Some(HISTORY);
    let state = arguments.state.as_deref();
    options.ca = state.map(state::ca).transpose()?;

    // A stale file would send a script to the wrong port.
    if let Some(file) = &arguments.port_file {
        remove(file)?;
    }
    // Before the port file or the output tells others that they may send a signal.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;

    let tenant = Tenant::start(options).map_err(|error| {
        Failure::Said(match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("{listen} is taken: end the other program, or choose another port")
            }
            _ => format!("cannot serve on {listen}: {error}"),
        })
    })?;
    // A state directory that cannot be written has it already.
    let ca = ca_file(arguments);
    if std::fs::read_to_string(&ca).ok().as_deref() != Some(tenant.ca_pem()) {
        write_whole(&ca, tenant.ca_pem())?;
    }
    if let Some(file) = &arguments.port_file {
        write_whole(file, &format!("{}\n", tenant.port()))?;
    }
    greet(&tenant, arguments, &accounts)?;

    signals.forever().next();
    drop(tenant);
    if let Some(file) = &arguments.port_file {
        remove(file)?;
    }
    Ok(())
}

fn greet(tenant: &Tenant, arguments: &Arguments, accounts: &Accounts) -> io::Result<()> {
    let authority = tenant.authority();
    let ca = ca_file(arguments);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Tenant:    {authority}   (for the client's configuration)"
    )?;
    writeln!(
        out,
        "CA:        {}   (for the client to trust; {} at each start)",
        ca.display(),
        if arguments.state.is_some() {
            "the same"
        } else {
            "new"
        }
    )?;
    writeln!(
        out,
        "Phones:    https://{authority}/   (where a person answers, for accounts whose phone is `page`)"
    )?;
    let airlock = tenant.airlock_url();
    writeln!(
        out,
        "Airlock:   {airlock}   (log in as `lee` with the password {PASSWORD})"
    )?;
    if arguments.accounts.is_some() {
        writeln!(out, "Accounts:  {}", accounts.names().join(", "))?;
    } else {
        writeln!(
            out,
            "Accounts:  approve, decline, page, never, wrong-key and more: see --list-scenarios"
        )?;
    }
    writeln!(out, "Ctrl-C ends it. Requests:")?;
    out.flush()
}

/// Writes the file atomically.
fn write_whole(file: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let draft = state::draft(file)?;
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, file));
        written.inspect_err(|_| drop(std::fs::remove_file(&draft)))
    };
    write().map_err(|error| Failure::Said(format!("cannot write {}: {error}", file.display())))
}

fn remove(file: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::Said(format!(
            "cannot remove {}: {error}",
            file.display()
        ))),
        _ => Ok(()),
    }
}
