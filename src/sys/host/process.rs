//! What this process may do: its filters and capabilities, and its limits.

pub use rustix::process::Resource;

use super::{Fact, read_as};

/// What `/proc/self/status` tells of permissions. A line that is missing or odd leaves its field unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    seccomp: Option<u8>,
    capabilities: Option<u64>,
}

impl Status {
    /// Reads those of the lines that it knows.
    pub fn parse(text: &str) -> Status {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Status {
            seccomp: field("Seccomp:").and_then(|mode| mode.parse().ok()),
            capabilities: field("CapEff:").and_then(|set| u64::from_str_radix(set, 16).ok()),
        }
    }

    /// Whether a seccomp filter is in force (mode 2 of seccomp(2)).
    pub fn has_seccomp_filter(&self) -> Option<bool> {
        self.seccomp.map(|mode| mode == 2)
    }

    /// Whether the capability with this number is effective.
    pub fn has(&self, capability: Capability) -> Option<bool> {
        self.capabilities.map(|set| set & (1 << capability as u32) != 0)
    }
}

/// Capabilities that lift limits named here, by their numbers (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_SYS_ADMIN`: io_uring where it is restricted, and pipes.
    SysAdmin = 21,
    /// `CAP_SYS_RESOURCE`: pipes.
    SysResource = 24,
}

/// Soft and hard limit; none is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is in force.
    pub soft: Option<u64>,
    /// What the soft limit may be raised to.
    pub hard: Option<u64>,
}

/// Permissions of this process.
pub fn status() -> Fact<Status> {
    read_as("/proc/self/status", |text| Some(Status::parse(text)))
}

/// Whether user ids are those of the whole machine. Elsewhere, as in a rootless container, capabilities do not lift the
/// kernel's own limits.
pub fn is_in_initial_user_namespace() -> Fact<bool> {
    read_as("/proc/self/uid_map", parse_uid_map)
}

/// A limit of this process.
pub fn limit(resource: Resource) -> Limit {
    let limit = rustix::process::getrlimit(resource);
    Limit { soft: limit.current, hard: limit.maximum }
}

/// The initial namespace maps every id to itself (user_namespaces(7)); another may have any number of lines.
fn parse_uid_map(text: &str) -> Option<bool> {
    let mut lines = text.lines().map(parse_mapping);
    let first = lines.next()??;
    let others = lines.collect::<Option<Vec<_>>>()?;
    Some(others.is_empty() && first == [0, 0, u64::from(u32::MAX)])
}

fn parse_mapping(line: &str) -> Option<[u64; 3]> {
    let mut numbers = line.split_whitespace().map(|number| number.parse().ok());
    let mapping = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_filter_and_capabilities() {
        let text = "Name:\tspliceway\nCapEff:\t0000000001200000\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let status = Status::parse(text);
        assert_eq!(status.has_seccomp_filter(), Some(true));
        assert_eq!((status.has(Capability::SysAdmin), status.has(Capability::SysResource)), (Some(true), Some(true)));
        let status = Status::parse("CapEff:\t0000000000200000\nSeccomp:\t0\n");
        assert_eq!(status.has_seccomp_filter(), Some(false));
        assert_eq!((status.has(Capability::SysAdmin), status.has(Capability::SysResource)), (Some(true), Some(false)));
    }

    #[test]
    fn what_a_status_does_not_say_is_unknown() {
        for odd in ["", "Seccomp_filters:\t2\nCapEff_:\t1", "Seccomp:\nCapEff:\n", "Seccomp:\t-2\nCapEff:\tall\n"] {
            assert_eq!(Status::parse(odd), Status::default(), "{odd:?}");
        }
        let status = Status::parse("CapEff: fffffffffffffffff\nSeccomp: 256");
        assert_eq!((status.has_seccomp_filter(), status.has(Capability::SysAdmin)), (None, None));
    }

    #[test]
    fn the_initial_user_namespace_maps_everything_to_itself() {
        assert_eq!(parse_uid_map("         0          0 4294967295"), Some(true));
        assert_eq!(parse_uid_map("0 100000 65536"), Some(false));
        assert_eq!(parse_uid_map("0 1000 1\n1 100000 65536"), Some(false));
        assert_eq!(parse_uid_map("0 0 4294967295\n0 0 1"), Some(false));
        for odd in ["", "0 0", "0 0 1 1", "a b c", "0 0 -1", "0 0 4294967295\nx"] {
            assert_eq!(parse_uid_map(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn this_process_is_known() {
        let status = status().unwrap();
        assert!(status.has_seccomp_filter().is_some() && status.has(Capability::SysAdmin).is_some());
        let limit = limit(Resource::Nofile);
        assert!(limit.soft.unwrap_or(u64::MAX) <= limit.hard.unwrap_or(u64::MAX));
    }
}
