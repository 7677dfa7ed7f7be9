//! On what this ran.

use std::process::Command;

pub fn describe() {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    println!("Kernel: {}", first_line("uname", &["-r"]));
    println!("Processor: {model}, {}", first_line("nproc", &[]));
    println!("curl: {}", first_line("curl", &["--version"]));
    println!("glibc: {}", first_line("ldd", &["--version"]));
    println!("Compiler: {}", first_line("rustc", &["--version"]));
    println!("Load at the start: {}", load());
}

pub fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    output
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}
