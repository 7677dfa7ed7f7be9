//! A virtual machine: its console, its power, its network, and a way in that PAM does not guard.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hosts::machine::TENANT;
use hosts::phone::Phone;
use hosts::terminal::Terminal;

/// An emulated machine needs 30 to 60 s on an idle computer.
const BOOT: Duration = Duration::from_secs(400);
const EXAMPLES: &str = "/usr/share/doc/libpam-logonbox/examples";

/// What tests/machines/image has made.
pub struct Image {
    pub suite: String,
    directory: PathBuf,
    /// The arguments of qemu for KVM, or for emulation.
    accelerator: &'static [&'static str],
}

impl Image {
    pub fn new(suite: &str, directory: PathBuf) -> Self {
        Self {
            suite: suite.into(),
            directory,
            accelerator: accelerator(),
        }
    }

    fn file(&self, name: &str) -> String {
        let path = self.directory.join(name);
        path.to_str().expect("UTF-8").into()
    }
}

/// Whether KVM works is not said by /dev/kvm alone: some hosts emulate the device, and no kernel
/// boots there. So only a computer that says KVM=1 uses it.
fn accelerator() -> &'static [&'static str] {
    if std::env::var_os("KVM").is_some_and(|value| value == "1") {
        &["-accel", "kvm", "-cpu", "host"]
    } else {
        // Without la57, which an emulated processor offers and old kernels do not survive.
        &["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    }
}

/// A running machine. Its power is cut when it is dropped.
pub struct Guest {
    pub phone: Phone,
    /// The serial console, with getty and login.
    pub console: Terminal,
    qemu: Vec<String>,
    /// The disk, and the sockets of the monitor and of the way in.
    directory: Directory,
    keys: Vec<String>,
    ssh_port: u16,
    control_port: u16,
    cursor: String,
    /// How often the phone had rung before the test.
    rang: usize,
}

impl Guest {
    /// Boots a copy of the disk.
    pub fn boot(image: &Image, command_line: &str) -> Self {
        let directory = Directory::new(image.directory.join(format!("running-{}", process::id())));
        let disk = directory.0.join("disk.img");
        let copied = Command::new("cp")
            .arg("--sparse=always")
            .arg(image.file("disk.img"))
            .arg(&disk)
            .status();
        assert!(copied.expect("cp").success(), "the disk cannot be copied");
        let (ssh_port, control_port) = (free_port(), free_port());
        let monitor = directory.0.join("monitor");
        let mut qemu: Vec<String> = image.accelerator.iter().map(ToString::to_string).collect();
        for (option, value) in [
            ("-machine", "q35".to_owned()),
            ("-smp", "2".into()),
            ("-m", "1536".into()),
            ("-kernel", image.file("vmlinuz")),
            ("-initrd", image.file("initrd")),
            (
                "-append",
                format!("root=/dev/vda rw console=ttyS0 quiet loglevel=1 {command_line}"),
            ),
            // What the guest has flushed is on the disk, also after a power cut.
            (
                "-drive",
                format!("file={},if=virtio,format=raw", disk.display()),
            ),
            ("-device", "virtio-rng-pci".into()),
            (
                "-netdev",
                format!(
                    "user,id=lan,hostfwd=tcp:127.0.0.1:{ssh_port}-:22,\
                     hostfwd=tcp:127.0.0.1:{control_port}-:2222"
                ),
            ),
            ("-device", "virtio-net-pci,netdev=lan,id=cable".into()),
            ("-chardev", "stdio,id=console,signal=off".into()),
            ("-serial", "chardev:console".into()),
            (
                "-monitor",
                format!("unix:{},server,nowait", monitor.display()),
            ),
        ] {
            qemu.push(option.into());
            qemu.push(value);
        }
        qemu.extend(["-nodefaults", "-no-reboot", "-display", "none"].map(ToOwned::to_owned));
        let console = start(&qemu);
        let keys = [
            "-F",
            "none",
            "-o",
            "HostKeyAlias=door",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            &format!("UserKnownHostsFile={}", image.file("known_hosts")),
            "-o",
            "IdentityAgent=none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            &format!("IdentityFile={}", image.file("key")),
        ]
        .map(ToOwned::to_owned)
        .to_vec();
        let guest = Self {
            phone: Phone::switch_on(),
            console,
            qemu,
            directory,
            keys,
            ssh_port,
            control_port,
            cursor: String::new(),
            rang: 0,
        };
        guest.connect();
        let ca = guest.phone.ca();
        guest.write("/tmp/ca", ca);
        guest.sh("cat /tmp/ca >>/etc/ssl/certs/ca-certificates.crt; sync");
        guest
    }

    /// Cuts the power, and boots the same disk again.
    pub fn cut_power_and_boot(&mut self) {
        self.cut_power();
        self.power_on();
    }

    /// Cuts the power at once.
    pub fn cut_power(&mut self) {
        self.console.kill();
        let _ = self.console.end();
    }

    /// Boots the disk as it is.
    pub fn power_on(&mut self) {
        self.console = start(&self.qemu);
        self.connect();
    }

    /// Waits for the way in, and keeps its connection.
    fn connect(&self) {
        let deadline = Instant::now() + BOOT;
        loop {
            let mut ssh = Command::new("ssh");
            ssh.args(&self.keys)
                .args(["-o", "ControlMaster=yes", "-o", "ControlPersist=yes"])
                .args(["-o", "ConnectTimeout=60", "-o", "BatchMode=yes"])
                .args(["-S", &self.control(), "-p", &self.control_port.to_string()])
                .args(["root@127.0.0.1", "true"]);
            // ssh goes on in the background, and keeps its standard error open.
            let status = ssh.stdin(Stdio::null()).stderr(Stdio::null()).status();
            if status.expect("ssh").success() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "it does not boot:\n{}",
                self.console.screen()
            );
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn control(&self) -> String {
        self.directory.0.join("control").display().to_string()
    }

    /// A command of the machine's monitor.
    pub fn monitor(&self, command: &str) {
        let path = self.directory.0.join("monitor");
        let mut monitor = UnixStream::connect(path).expect("the monitor");
        writeln!(monitor, "{command}").expect("the monitor");
        // It works through its commands one by one, and reads this one when it has done the first.
        thread::sleep(Duration::from_millis(500));
    }

    /// Runs a script as root, without a terminal.
    pub fn run(&self, script: &str) -> Output {
        // A script on the standard input would be read by its own commands.
        self.feed("sh -euc \"$(cat)\"", script)
    }

    /// Runs a command as root, with this standard input.
    fn feed(&self, command: &str, input: &str) -> Output {
        let mut ssh = Command::new("ssh")
            .args(["-F", "none", "-S", &self.control(), "door", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh");
        let mut stdin = ssh.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("a pipe");
        drop(stdin);
        ssh.wait_with_output().expect("ssh")
    }

    /// Runs a script that must succeed. Returns what it writes, without the blanks around it.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let output = self.run(script);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{script}\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text.trim().into()
    }

    /// Writes a file in place, so that its owner, mode and label stay.
    pub fn write(&self, path: &str, text: &str) {
        let written = self.feed(&format!("cat >{path}"), &format!("{text}\n"));
        assert!(written.status.success(), "{path}: {written:?}");
    }

    /// A new prompt of getty on the console, on an empty screen.
    #[track_caller]
    pub fn getty(&self) {
        let marker = format!("empty {}", self.sh("date +%s%N"));
        self.sh(&format!(
            "systemctl stop serial-getty@ttyS0; printf '\\033[2J\\033[H{marker}\\r\\n' >/dev/ttyS0; \
             systemctl start serial-getty@ttyS0"
        ));
        self.console.see(&marker);
        self.console.see("door login:");
    }

    /// Starts a command in a terminal as this user.
    pub fn terminal(&self, user: &str, command: &str) -> Terminal {
        let command = format!(
            "exec setpriv --reuid {user} --regid {user} --init-groups --reset-env \
             env LC_ALL=C.UTF-8 TERM=xterm {command}"
        );
        let control = self.control();
        let arguments = ["-tt", "-q", "-F", "none", "-S", &control, "door", &command];
        Terminal::start(0, "C.UTF-8", "ssh", &arguments)
    }

    /// Logs in over ssh, as a person does.
    pub fn ssh(&self, user: &str, more: &[&str]) -> Terminal {
        let port = self.ssh_port.to_string();
        let destination = format!("{user}@127.0.0.1");
        let mut arguments: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        arguments.extend(["-o", "PubkeyAuthentication=no", "-p", &port]);
        arguments.push(&destination);
        arguments.extend(more);
        Terminal::start(0, "C.UTF-8", "ssh", &arguments)
    }

    /// Configures the module for the tenant, with these lines, and with the patience that an emulated
    /// machine needs.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "[logonbox]\ntenant = {TENANT:?}\n\n[accounts]\nconfined = \"lee\"\n\n\
             [wait]\nconnect_seconds = 30\n\n{more}\n"
        );
        self.write("/etc/security/pam_logonbox.toml", &text);
    }

    /// Installs one of the package's examples as /etc/pam.d/`service`.
    pub fn stack(&self, service: &str, example: &str) {
        self.sh(&format!(
            "cp {EXAMPLES}/pam.d/{example} /etc/pam.d/{service}"
        ));
    }

    /// Configures sshd as the README says.
    pub fn sshd(&self) {
        self.stack("sshd", "sshd");
        self.sh(&format!(
            "cp {EXAMPLES}/sshd_config.d/00-logonbox.conf /etc/ssh/sshd_config.d"
        ));
    }

    /// Puts the machine's files and counts into the state of a new machine.
    pub fn begin(&mut self) {
        self.sh(
            "rm -rf /etc/pam.d /etc/security /etc/sudoers.d /etc/systemd/system \
             /run/pam_logonbox/* /var/lib/pam_logonbox/* /run/systemd/system/*\n\
             rm -f /etc/ssh/sshd_config.d/*\n\
             tar -C / -xf /opt/pristine.tar\n\
             ! selinuxenabled || restorecon -R /etc\n\
             systemctl daemon-reload\n\
             systemctl reset-failed",
        );
        self.configure("");
        // These files are there after a power cut, too.
        self.sh("sync");
        self.rang = self.phone.rings();
        self.cursor = self.sh("logger -t test begins; journalctl --sync; \
             journalctl --quiet --no-pager -n 1 --output export | sed -n 's/^__CURSOR=//p'");
    }

    /// What `logonbox check` says, as JSON. It does not succeed if it finds something.
    #[track_caller]
    pub fn check(&self) -> String {
        let output = self.run("logonbox check --json");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("\"findings\""), "{output:?}");
        text.into()
    }

    /// Waits for a condition that has no event.
    #[track_caller]
    pub fn eventually(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        hosts::machine::wait_until(what, || so(self));
    }

    /// Starts sshd by its socket, which is outside, and with these settings of systemd inside.
    pub fn sandbox(&self, settings: &str) {
        self.write("/run/sandbox.conf", &format!("[Service]\n{settings}"));
        self.sh("mkdir -p /etc/systemd/system/ssh.service.d\n\
             cp /run/sandbox.conf /etc/systemd/system/ssh.service.d/sandbox.conf\n\
             systemctl daemon-reload\n\
             systemctl stop ssh.socket ssh.service\n\
             systemctl start ssh.socket");
    }

    /// How often the phone has rung since the test began.
    pub fn rings(&self) -> usize {
        self.phone.rings() - self.rang
    }

    /// The module's lines since the test began.
    pub fn lines(&self) -> Vec<String> {
        let text = self.journal("--output cat --grep '^pam_logonbox\\('");
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// What the journal has since the test began. With --after-cursor, the journalctl of Debian 12 skips
    /// the first line that matches.
    #[track_caller]
    pub fn journal(&self, arguments: &str) -> String {
        let cursor = &self.cursor;
        let output = self.run(&format!(
            "journalctl --sync; journalctl --quiet --no-pager --cursor '{cursor}' {arguments}"
        ));
        // Without a match, it says nothing and does not succeed.
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().into()
    }

    /// Waits for this many lines of the module, and checks how each begins.
    #[track_caller]
    pub fn logged(&self, beginnings: &[&str]) {
        hosts::log::begin_with(|| self.lines(), beginnings);
    }

    /// What a failed test needs to be understood.
    pub fn explain(&self) {
        eprintln!("--- the tenant saw\n{}", self.phone.account());
        eprintln!("--- the console\n{}", self.console.screen());
        eprintln!("--- the journal\n{}", self.journal(""));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = Command::new("ssh")
            .args(["-F", "none", "-S", &self.control(), "-O", "exit", "door"])
            .stderr(Stdio::null())
            .status();
        self.console.kill();
    }
}

/// A new directory, which is removed when this is dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(qemu: &[String]) -> Terminal {
    let arguments: Vec<&str> = qemu.iter().map(String::as_str).collect();
    Terminal::start(0, "C", "qemu-system-x86_64", &arguments)
}

/// A port that nothing uses. Another program could take it before qemu does.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("a port").port()
}
