//! The machine of the measurement.

use std::process::Command;

pub fn describe() {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    println!("Kernel: {}", first_line("uname", &["-r"]));
    println!("Processors: {} of {model}", first_line("nproc", &[]));
    println!("curl: {}", first_line("curl", &["--version"]));
    println!("glibc: {}", first_line("ldd", &["--version"]));
    println!("Compiler: {}", first_line("rustc", &["--version"]));
    let load = load();
    println!("Load in the minute before: {load}");
    if load.parse().is_ok_and(|load: f64| load >= 1.0) {
        println!(
            "Something else ran here in that minute, if only the compiler. While it does, times are \
             too long; numbers of instructions, memory and sizes are not."
        );
    }
}

/// The load average of the last minute.
pub fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = averages.split_whitespace().next();
    last_minute.unwrap_or("unknown").to_owned()
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
