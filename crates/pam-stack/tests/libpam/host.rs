//! A directory with a PAM configuration and modules, below which both the doubles and the real
//! modules are asked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use pam_stack::{Answer, Code, Error, Facility, Question, Rule, Stacks};
use tempfile::TempDir;

pub fn helper() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pam-stack-helper"))
}

/// Where this host's libpam looks for modules.
pub fn modules() -> PathBuf {
    let machine = std::env::consts::ARCH;
    [
        format!("/lib/{machine}-linux-gnu/security"),
        "/lib64/security".to_owned(),
        "/lib/security".to_owned(),
    ]
    .into_iter()
    .map(PathBuf::from)
    .find(|directory| directory.join("pam_debug.so").exists())
    .expect("pam_debug.so: apt-get install libpam-modules (Fedora, RHEL: dnf install pam)")
}

pub struct Host {
    root: TempDir,
}

impl Host {
    /// With these files in /etc/pam.d, and the modules that return fixed codes.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let host = Self {
            root: tempfile::tempdir().unwrap(),
        };
        // As the distributions have it: libpam may look for modules in either directory.
        for directory in ["lib", "lib64"] {
            let merged = Path::new("usr").join(directory);
            fs::create_dir_all(host.root().join(&merged)).unwrap();
            symlink(merged, host.root().join(directory)).unwrap();
        }
        for module in ["pam_debug.so", "pam_deny.so", "pam_permit.so"] {
            host.module(module, &fs::read(modules().join(module)).unwrap());
        }
        host.write("other", "auth required pam_deny.so\n");
        for (name, text) in files {
            host.write(name, text);
        }
        host
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The path of a file below the root.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let path = self.root().join(path.strip_prefix("/").unwrap_or(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Writes a file in /etc/pam.d, or at an absolute path below the root.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(Path::new("/etc/pam.d").join(name)), text).unwrap();
    }

    pub fn module(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(modules().join(name)), bytes).unwrap();
    }

    pub fn stacks(&self) -> Stacks {
        Stacks::open(helper(), self.root()).unwrap()
    }

    /// Asks about the service `test`.
    pub fn ask(&self, question: &Question) -> Result<Answer, Error> {
        self.stacks().ask(question)
    }

    /// The modules are real here.
    pub fn reference(&self) -> Reference {
        let program = compiled("reference.c", &["-lpam"]);
        let mut program = Command::new(program)
            .arg(self.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(program.stdout.take().unwrap());
        Reference { program, answers }
    }

    /// What the doubles make of the service `test`, after a check that the real modules make the
    /// same of it.
    pub fn agreed(&self, facility: Facility) -> Answer {
        let answer = self.ask(&question("test", facility)).unwrap();
        let real = self.reference().ask(facility, "test");
        assert_eq!(answer.code, real, "{answer:#?}");
        answer
    }
}

pub struct Reference {
    program: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Reference {
    pub fn ask(&mut self, facility: Facility, service: &str) -> Code {
        let code = self.try_ask(facility, service);
        code.expect("the reference program ended")
    }

    /// `None` if libpam crashes.
    pub fn try_ask(&mut self, facility: Facility, service: &str) -> Option<Code> {
        let facility = match facility {
            Facility::Auth => "auth",
            Facility::Account => "account",
            Facility::Session => "session",
        };
        let input = self.program.stdin.as_mut().unwrap();
        writeln!(input, "{facility} {service}").unwrap();
        let mut code = String::new();
        self.answers.read_line(&mut code).unwrap();
        code.trim().parse().ok().map(Code)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        self.program.wait().unwrap();
    }
}

/// A program or library from a C file beside this one.
pub fn compiled(source: &str, options: &[&str]) -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = LOCK.lock();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap());
    let output = directory.path().join(source).with_extension("out");
    if !output.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/libpam")
            .join(source);
        let status = Command::new("cc")
            .arg("-o")
            .arg(&output)
            .arg(source)
            .args(options)
            .status()
            .expect("a C compiler: apt-get install gcc libpam0g-dev");
        assert!(status.success());
    }
    output
}

/// A question in which doubles answer as the modules of the same name: pam_debug.so returns the
/// code in its argument, and `pam_x.so` is a copy of pam_permit.so.
pub fn question(service: &str, facility: Facility) -> Question {
    let word = match facility {
        Facility::Auth => "auth",
        Facility::Account => "acct",
        Facility::Session => "open_session",
    };
    let mut question = Question::new(service, facility, Code::SERVICE_ERR)
        .rule(Rule::module("pam_permit.so", Code::SUCCESS))
        .rule(Rule::module("pam_x.so", Code::SUCCESS))
        .rule(Rule::module("pam_deny.so", Code::AUTH_ERR));
    for number in 0..32 {
        let name = Code(number).name().unwrap().to_ascii_lowercase();
        question = question.rule(Rule {
            arguments: Some(vec![format!("{word}={name}")]),
            ..Rule::module("pam_debug.so", Code(number))
        });
    }
    question.rule(Rule::module("pam_debug.so", Code::SUCCESS))
}

/// The arguments of the calls, which tell the lines apart.
pub fn called(answer: &Answer) -> Vec<String> {
    let words = answer.calls.iter().map(|call| {
        let mut words = vec![call.name().to_owned()];
        words.extend(call.arguments.iter().cloned());
        words.join(" ")
    });
    words.collect()
}
