//! A headless Chromium and its user.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, PageLoadStrategy};
use tokio::runtime::{self, Runtime};

/// The limit for everything that a test waits for.
pub const TIMEOUT: Duration = Duration::from_secs(30);

const ARGUMENTS: &[&str] = &[
    "--headless",
    // Chromium's sandbox works neither for root nor in most containers.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    // Turns off background work and settings that depend on the machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
];

/// The kind of window.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    Desktop,
    /// Narrow, with a touch screen.
    Phone,
}

/// A browser with one window and its own profile and chromedriver. They all end when this is
/// dropped.
pub struct Browser {
    runtime: Runtime,
    driver: Option<WebDriver>,
    service: Child,
    // Tests share no state.
    _home: TempDir,
}

impl Browser {
    pub fn open(window: Window, url: &str) -> Self {
        let browser = Self::start(window);
        browser.go(url);
        browser
    }

    fn start(window: Window) -> Self {
        // reqwest needs a TLS provider for any client, although chromedriver speaks plain HTTP.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The picture of an earlier run.
        let _ = fs::remove_file(picture_file(&failure()));
        let home = tempfile::tempdir().unwrap();
        let (service, port) = start_chromedriver(home.path());
        let mut chrome = DesiredCapabilities::chrome();
        let profile = format!("--user-data-dir={}", home.path().join("profile").display());
        for argument in ARGUMENTS.iter().copied().chain([profile.as_str()]) {
            chrome.add_arg(argument).unwrap();
        }
        match window {
            Window::Desktop => chrome.add_arg("--window-size=1280,800").unwrap(),
            Window::Phone => {
                let phone =
                    json!({ "deviceMetrics": { "width": 360, "height": 640, "pixelRatio": 2.0 } });
                chrome
                    .add_experimental_option("mobileEmulation", phone)
                    .unwrap();
            }
        }
        // These tests are not about certificates, and the CA is new.
        chrome.accept_insecure_certs(true).unwrap();
        // Some pages load only after the user has pressed a button elsewhere.
        chrome
            .set_page_load_strategy(PageLoadStrategy::None)
            .unwrap();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut browser = Self {
            runtime,
            driver: None,
            service,
            _home: home,
        };
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), chrome)
            .request_timeout(TIMEOUT)
            .connect();
        let driver = browser.runtime.block_on(driver);
        browser.driver = Some(
            driver.unwrap_or_else(|error| panic!("chromium does not start: {error}\n{INSTALL}")),
        );
        browser
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    pub fn go(&self, url: &str) {
        self.runtime.block_on(self.driver().goto(url)).unwrap();
    }

    pub fn url(&self) -> String {
        self.runtime
            .block_on(self.driver().current_url())
            .unwrap()
            .into()
    }

    /// Waits until `look` returns a value. If it never does, the failure shows the page.
    pub fn wait<T>(
        &self,
        what: &str,
        look: &impl AsyncFn(&WebDriver) -> WebDriverResult<Option<T>>,
    ) -> T {
        let start = Instant::now();
        loop {
            // An error usually means that the element belongs to the previous page.
            let found = self.runtime.block_on(look(self.driver()));
            if let Ok(Some(found)) = found {
                return found;
            }
            if start.elapsed() > TIMEOUT {
                let picture = self.picture(&failure());
                panic!(
                    "no {what} ({:?})\n--- at {}, seen in {}\n{}",
                    found.err(),
                    self.url(),
                    picture.display(),
                    self.script("return document.body ? document.body.innerText : '(nothing)'")
                        .as_str()
                        .unwrap_or_default(),
                );
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits for a visible element whose text contains `text`. Returns the whole text.
    pub fn see(&self, css: &str, text: &str) -> String {
        self.wait(
            &format!("{css} that says {text:?}"),
            &async |driver: &WebDriver| {
                for element in driver.find_all(By::Css(css)).await? {
                    if element.is_displayed().await? {
                        let seen = element.text().await?;
                        if seen.contains(text) {
                            return Ok(Some(seen));
                        }
                    }
                }
                Ok(None)
            },
        )
    }

    /// Waits until no such element exists.
    pub fn see_no(&self, css: &str) {
        self.wait(
            &format!("page without {css}"),
            &async |driver: &WebDriver| {
                Ok(driver
                    .find_all(By::Css(css))
                    .await?
                    .is_empty()
                    .then_some(()))
            },
        );
    }

    /// Waits until the element can be pressed, and presses it.
    pub fn press(&self, css: &str) {
        self.wait(&format!("{css} to press"), &async |driver: &WebDriver| {
            driver.find(By::Css(css)).await?.click().await.map(Some)
        });
    }

    /// Waits until the element accepts text, and types.
    pub fn write(&self, css: &str, text: &str) {
        self.wait(
            &format!("{css} to write into"),
            &async |driver: &WebDriver| {
                driver
                    .find(By::Css(css))
                    .await?
                    .send_keys(text)
                    .await
                    .map(Some)
            },
        );
    }

    /// Types into the focused element.
    pub fn key(&self, key: Key) {
        let typed = self.driver().action_chain().send_keys(key);
        self.runtime.block_on(typed.perform()).unwrap();
    }

    pub fn script(&self, script: &str) -> Value {
        let answer = self.driver().execute(script, Vec::new());
        self.runtime.block_on(answer).unwrap().json().clone()
    }

    /// Waits until a script returns `true`.
    pub fn wait_script(&self, what: &str, script: &str) {
        self.wait(what, &async |driver: &WebDriver| {
            let answer = driver.execute(script, Vec::new()).await?;
            Ok((answer.json() == &Value::Bool(true)).then_some(()))
        });
    }

    pub fn cookies(&self) -> Vec<Cookie> {
        self.runtime
            .block_on(self.driver().get_all_cookies())
            .unwrap()
    }

    pub fn add_cookie(&self, cookie: Cookie) {
        self.runtime
            .block_on(self.driver().add_cookie(cookie))
            .unwrap();
    }

    /// The element as a screen reader presents it.
    pub fn accessible(&self, css: &str) -> Accessible {
        let node = self.wait(
            &format!("{css} for a screen reader"),
            &async |driver: &WebDriver| {
                let element = driver.find(By::Css(css)).await?;
                let id = element.cdp_backend_node_id().await?;
                let only = json!({ "backendNodeId": id, "fetchRelatives": false });
                let tree = driver
                    .cdp()
                    .send_raw("Accessibility.getPartialAXTree", only)
                    .await?;
                Ok(tree.pointer("/nodes/0").cloned())
            },
        );
        let text = |pointer: &str| {
            let value = node.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let properties = node.get("properties").and_then(Value::as_array);
        let live = properties
            .into_iter()
            .flatten()
            .find(|property| property.get("name") == Some(&json!("live")))
            .and_then(|property| property.pointer("/value/value"))
            .and_then(Value::as_str);
        Accessible {
            role: text("/role/value"),
            name: text("/name/value"),
            description: text("/description/value"),
            live: live.unwrap_or("off").to_owned(),
        }
    }

    /// Selects the light or dark theme.
    pub fn prefer(&self, scheme: &str) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let cdp = self.driver().cdp();
        let set = cdp.send_raw("Emulation.setEmulatedMedia", media);
        self.runtime.block_on(set).unwrap();
    }

    /// Disables scripts from the next page on.
    pub fn switch_script_off(&self) {
        let cdp = self.driver().cdp();
        let set = cdp.send_raw(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        );
        self.runtime.block_on(set).unwrap();
    }

    /// Saves a picture of the window as target/browser/NAME.png.
    pub fn picture(&self, name: &str) -> PathBuf {
        let path = picture_file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.runtime
            .block_on(self.driver().screenshot(&path))
            .unwrap();
        path
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium would outlive a chromedriver that is killed.
        if let Some(driver) = self.driver.take() {
            let _ = self.runtime.block_on(driver.quit());
        }
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// The element as a screen reader presents it.
#[derive(Debug, PartialEq, Eq)]
pub struct Accessible {
    pub role: String,
    pub name: String,
    pub description: String,
    /// How changes are announced: `off`, `polite` or `assertive`.
    pub live: String,
}

fn picture_file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    folder.join(format!("{name}.png"))
}

/// The name of the picture that a failing test leaves.
fn failure() -> String {
    let test = thread::current()
        .name()
        .unwrap_or("test")
        .replace("::", "-");
    format!("FAILED-{test}")
}

/// The port was free. The driver fails if the port is free for IPv6 but taken for IPv4, which
/// connections of other tests can cause.
fn start_chromedriver(home: &Path) -> (Child, u16) {
    let mut tries = (0..5).filter_map(|_| try_chromedriver(home).ok());
    tries.next().expect("chromedriver names its port")
}

fn try_chromedriver(home: &Path) -> Result<(Child, u16), ExitStatus> {
    let mut service = Command::new("chromedriver")
        .arg("--port=0")
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}\n{INSTALL}"));
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let port = lines.by_ref().find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        return Err(service.wait().unwrap());
    };
    // Discard the output, so that the driver never blocks on it.
    thread::spawn(move || lines.for_each(drop));
    Ok((service, port))
}

const INSTALL: &str = "These tests need Chromium and its driver: `apt-get install chromium chromium-driver` on \
                       Debian, or whatever brings a `chromium` and a `chromedriver` of one version.";
