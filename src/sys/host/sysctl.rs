//! Settings of the kernel, below `/proc/sys`, by the names that sysctl(8) has for them.

use super::{Fact, read_as};

/// A setting that is a number from 0.
pub fn number(name: &str) -> Fact<u64> {
    read_as(&path(name), |text| text.parse().ok())
}

/// A setting that is a number or -1, such as a group.
pub fn signed(name: &str) -> Fact<i64> {
    read_as(&path(name), |text| text.parse().ok())
}

/// A setting that is a range of ports: first and last.
pub fn ports(name: &str) -> Fact<(u16, u16)> {
    read_as(&path(name), parse_ports)
}

/// A setting that is a name of an algorithm, or several.
pub fn names(name: &str) -> Fact<Vec<String>> {
    read_as(&path(name), parse_names)
}

fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

/// Two numbers with blanks between them; a last port before the first makes no range.
fn parse_ports(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (numbers.next().is_none() && first <= last).then_some((first, last))
}

/// Names with blanks between them, at least one.
fn parse_names(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let is_name = |name: &String| {
        name.len() <= NAME_BYTES && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    (!names.is_empty() && names.len() <= NAMES && names.iter().all(is_name)).then_some(names)
}

/// The kernel's own bound of such a name, `TCP_CA_NAME_MAX`.
const NAME_BYTES: usize = 16;
/// More than there are algorithms.
const NAMES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path() {
        assert_eq!(path("net.ipv4.ip_local_port_range"), "/proc/sys/net/ipv4/ip_local_port_range");
        let unknown = number("net.core.no_such_setting").unwrap_err().to_string();
        assert_eq!(unknown, "/proc/sys/net/core/no_such_setting: No such file or directory (os error 2)");
    }

    #[test]
    fn ports_are_two_numbers_in_order() {
        assert_eq!(parse_ports("32768\t60999"), Some((32_768, 60_999)));
        assert_eq!(parse_ports("  1024 65535\n"), Some((1024, 65_535)));
        assert_eq!(parse_ports("5000 5000"), Some((5000, 5000)));
        for odd in ["", "32768", "60999 32768", "1 2 3", "-1 5", "0 65536", "a b", "32768-60999", "1\0 2"] {
            assert_eq!(parse_ports(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn names_are_words_that_a_kernel_would_use() {
        assert_eq!(parse_names("bbr").unwrap(), ["bbr"]);
        assert_eq!(parse_names("reno bbr cubic\n").unwrap(), ["reno", "bbr", "cubic"]);
        assert_eq!(parse_names("tcp_x-2").unwrap(), ["tcp_x-2"]);
        for odd in ["", "\n", "bbr\x1b[31m", "cubic;reboot", "a_name_that_is_17b", "ümlaut"] {
            assert_eq!(parse_names(odd), None, "{odd:?}");
        }
        assert_eq!(parse_names(&"x ".repeat(65)), None);
    }
}
