//! How the module is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Never unloaded: a thread that is stuck in a name look-up may outlive the login.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Everything is resolved at load time, before anybody logs in.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,now,-z,relro");
    // But for a fuzzer's build of it, which nobody loads: that calls what only a fuzzer has.
    if std::env::var_os("CARGO_CFG_FUZZING").is_none() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }
}
