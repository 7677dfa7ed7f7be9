//! Whether the dynamic linker could load a file as a module, and its functions for libpam.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use object::read::{Object, ObjectKind, ObjectSymbol, ReadCache};
use object::{Architecture, Endianness};

/// Byte order and instruction set.
type Machine = (Architecture, Endianness);

static THIS_MACHINE: OnceLock<Machine> = OnceLock::new();

/// A larger file is not read: its tables may be as large as the file, and are kept in memory.
const LARGEST: u64 = 256 << 20;

/// The functions of a module that libpam looks for.
const FUNCTIONS: [&str; 6] = [
    "pam_sm_acct_mgmt",
    "pam_sm_authenticate",
    "pam_sm_chauthtok",
    "pam_sm_close_session",
    "pam_sm_open_session",
    "pam_sm_setcred",
];

/// A file that libpam would load.
#[derive(Debug)]
pub struct Module {
    /// As libpam names it.
    pub path: String,
    functions: Vec<&'static str>,
}

/// The reason why a file is no module.
#[derive(Debug)]
pub enum Unusable {
    /// dlopen(3) would fail, too.
    Refused(String),
    /// The dynamic linker reads such a file, and this program cannot.
    Unreadable(String),
}

/// Reads the machine's kind from the file of this program.
pub fn learn_this_machine() -> Result<(), String> {
    let path = Path::new("/proc/self/exe");
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let file = ReadCache::new(File::open(path).map_err(|why| failed(&why))?);
    let this = object::File::parse(&file).map_err(|why| failed(&why))?;
    THIS_MACHINE.get_or_init(|| machine(&this));
    Ok(())
}

fn machine<'data>(file: &impl Object<'data>) -> Machine {
    (file.architecture(), file.endianness())
}

/// Tells a file from another one, and from an older state of it.
type Version = (u64, u64, u64, i64, i64, i64, i64);

fn version(metadata: &Metadata) -> Version {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

/// The modules that were read before: libpam loads the same ones for each question.
static KNOWN: Mutex<BTreeMap<PathBuf, (Version, Arc<Module>)>> = Mutex::new(BTreeMap::new());

impl Module {
    /// The module in this file. A file is read once, until it changes.
    pub fn find(path: &Path) -> Result<Arc<Self>, Unusable> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::fs::metadata(path).ok().map(|file| version(&file));
        if let Some((version, module)) = known.get(path)
            && Some(*version) == now
        {
            return Ok(Arc::clone(module));
        }
        let module = Arc::new(Self::open(path)?);
        if let Some(now) = now {
            known.insert(path.to_owned(), (now, Arc::clone(&module)));
        }
        Ok(module)
    }

    /// Reads the table of symbols as dlopen(3) and dlsym(3) would, and runs nothing.
    fn open(path: &Path) -> Result<Self, Unusable> {
        let name = path.to_string_lossy().into_owned();
        let refused = |why: &dyn std::fmt::Display| Unusable::Refused(format!("{name}: {why}"));
        let metadata = std::fs::metadata(path).map_err(|why| refused(&why))?;
        // Before the file is opened: a FIFO would block.
        if !metadata.is_file() {
            return Err(refused(&"not a regular file"));
        }
        if metadata.len() > LARGEST {
            return Err(Unusable::Unreadable(format!(
                "{name} has more than {} MiB",
                LARGEST >> 20
            )));
        }
        // The file may have changed into a FIFO.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(|why| refused(&why))?;
        let file = ReadCache::new(file);
        let file = object::File::parse(&file).map_err(|why| refused(&why))?;
        if file.kind() != ObjectKind::Dynamic {
            return Err(refused(&"not a shared object"));
        }
        if Some(&machine(&file)) != THIS_MACHINE.get() {
            return Err(refused(&"a shared object of another machine"));
        }
        if file.dynamic_symbol_table().is_none() {
            return Err(Unusable::Unreadable(format!(
                "{name} has no section with dynamic symbols"
            )));
        }
        let functions = file
            .dynamic_symbols()
            .filter(|symbol| symbol.is_global() && !symbol.is_undefined())
            .filter_map(|symbol| {
                let name = symbol.name().ok()?;
                FUNCTIONS.into_iter().find(|function| *function == name)
            })
            .collect();
        Ok(Self {
            path: name,
            functions,
        })
    }

    /// Whether dlsym(3) would find this function.
    pub fn has(&self, function: &CStr) -> bool {
        let function = function.to_bytes();
        self.functions.iter().any(|has| has.as_bytes() == function)
    }
}
