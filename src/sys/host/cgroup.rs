//! The memory that this process' cgroup grants.

use super::{Fact, read, read_as};

/// Bytes of memory that this process and its like may have; none if nothing limits them.
///
/// A cgroup's ancestors limit it as well, so the least of them counts. Within a container the own cgroup is the root of
/// what is mounted, and its path, which is the host's, does not exist.
pub fn memory_limit() -> Fact<Option<u64>> {
    let text = read("/proc/self/cgroup")?;
    let Some(place) = place(&text) else { return Ok(None) };
    let mut least = None;
    for directory in place.directories() {
        let path = format!("{}{directory}/{}", place.mount, place.file);
        match read_as(&path, parse_limit) {
            Ok(limit) => least = least.into_iter().chain(limit).min(),
            // The root of the machine has no such file, nor has a path that is not mounted here.
            Err(_) if read(&path).is_err() => {}
            Err(odd) => return Err(odd),
        }
    }
    Ok(least)
}

/// Where the limits of a process stand.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    mount: &'static str,
    path: &'a str,
    file: &'static str,
}

impl<'a> Place<'a> {
    /// The cgroup's directory and those above it, the root (an empty one) last.
    fn directories(&self) -> impl Iterator<Item = &'a str> {
        let next = |path: &&'a str| path.rsplit_once('/').map(|(parent, _)| parent);
        std::iter::successors(Some(self.path.trim_end_matches('/')), next).take(DEPTH)
    }
}

/// From the lines of `/proc/self/cgroup` (cgroups(7)). Where version 1 has the memory controller, version 2 has not.
fn place(text: &str) -> Option<Place<'_>> {
    let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let version_1 = lines().find(|(controllers, _)| controllers.split(',').any(|name| name == "memory"));
    let version_1 = version_1.map(|(_, path)| (V1_MOUNT, path, V1_FILE));
    let version_2 = lines().find(|(controllers, _)| controllers.is_empty());
    let version_2 = version_2.map(|(_, path)| (V2_MOUNT, path, V2_FILE));
    let (mount, path, file) = version_1.or(version_2)?;
    // A path with `..` is that of a process outside of this cgroup namespace: it leads nowhere from here.
    let path = if path.starts_with('/') && !path.split('/').any(|name| name == "..") { path } else { "" };
    Some(Place { mount, path, file })
}

/// `max` (version 2) and what does not fit into a signed number, rounded to pages (version 1), are no limit.
fn parse_limit(text: &str) -> Option<Option<u64>> {
    if text == "max" {
        return Some(None);
    }
    let bytes: u64 = text.parse().ok()?;
    Some((bytes < V1_UNLIMITED).then_some(bytes))
}

const V1_MOUNT: &str = "/sys/fs/cgroup/memory";
const V1_FILE: &str = "memory.limit_in_bytes";
const V2_MOUNT: &str = "/sys/fs/cgroup";
const V2_FILE: &str = "memory.max";
/// The largest signed number, less a page of 64 KiB, the largest there is.
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_0000;
/// More than cgroups are nested.
const DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_has_one_path() {
        let place = place("0::/system.slice/spliceway.service").unwrap();
        assert_eq!((place.mount, place.file), ("/sys/fs/cgroup", "memory.max"));
        let directories: Vec<&str> = place.directories().collect();
        assert_eq!(directories, ["/system.slice/spliceway.service", "/system.slice", ""]);
    }

    #[test]
    fn version_1_has_a_path_a_controller() {
        let place = place("8:pids:/\n4:cpu,memory:/a\n0::/b").unwrap();
        assert_eq!((place.mount, place.path, place.file), ("/sys/fs/cgroup/memory", "/a", "memory.limit_in_bytes"));
    }

    #[test]
    fn odd_places_lead_nowhere() {
        for odd in ["", "nonsense", "0:", "4:cpu:/x", "4:memory2:/x"] {
            assert_eq!(place(odd), None, "{odd:?}");
        }
        for outside in ["0::/../../etc", "0::relative", "0::"] {
            assert_eq!(place(outside).unwrap().directories().collect::<Vec<_>>(), [""], "{outside:?}");
        }
        let deep = format!("0::{}", "/x".repeat(1000));
        assert_eq!(place(&deep).unwrap().directories().count(), 64);
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        assert_eq!(parse_limit("max"), Some(None));
        assert_eq!(parse_limit("9223372036854771712"), Some(None));
        assert_eq!(parse_limit("536870912"), Some(Some(536_870_912)));
        assert_eq!(parse_limit("0"), Some(Some(0)));
        for odd in ["", "-1", "512M", "1 2", "99999999999999999999"] {
            assert_eq!(parse_limit(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn this_process_has_a_limit_or_none() {
        assert!(memory_limit().is_ok());
    }
}
