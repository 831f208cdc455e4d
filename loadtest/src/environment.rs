//! What numbers depend on and do not show: the machine, the kernel, versions.

use std::fs;
use std::process::Command;

use crate::namespace;
use crate::results::{Environment, Version};

/// What is known of this machine.
pub fn describe(versions: Vec<Version>, notes: Vec<String>) -> Environment {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    Environment {
        date: date(),
        kernel: trimmed("/proc/sys/kernel/osrelease"),
        cpu: model(&cpu_info).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus,
        congestion_control: namespace::congestion_control(),
        versions,
        notes,
    }
}

/// `date` knows the calendar.
fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn trimmed(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The first processor's name; Arm's have none there.
fn model(cpu_info: &str) -> Option<String> {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_told_once() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(model(text).as_deref(), Some("AMD EPYC"));
        assert_eq!(model("processor\t: 0\n"), None);
    }

    #[test]
    fn this_machine_is_described() {
        let environment = describe(Vec::new(), Vec::new());
        assert!(environment.date.ends_with(" UTC") && environment.date.len() == "2026-01-31 23:59 UTC".len());
        assert!(environment.kernel.starts_with(|character: char| character.is_ascii_digit()));
        assert!(environment.cpus >= 1);
    }
}
