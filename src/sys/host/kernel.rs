//! Which kernel this is, and the size of its pages.
#![allow(unsafe_code, reason = "uname(2) and sysconf(3), which no crate of ours wraps")]

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;

use super::{Fact, Unknown, printable};

/// The release of a kernel: its name, and the two numbers that features are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    name: String,
    version: (u32, u32),
}

impl Release {
    /// The name that uname(2) gives begins with two numbers; what distributions put behind them differs.
    pub fn parse(name: &str) -> Option<Release> {
        let (major, rest) = name.split_once('.')?;
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let minor = rest.get(..digits)?;
        let version = (major.parse().ok()?, minor.parse().ok()?);
        Some(Release { name: printable(name), version })
    }

    /// Whether it is of `major.minor` or newer, by its numbers.
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        self.version >= (major, minor)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// The release of the running kernel, or of what plays one.
pub fn release() -> Fact<Release> {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: `names` is ours, lives on this stack for the duration of the call and has the size of the structure; the
    // kernel writes to it and keeps nothing.
    let outcome = unsafe { libc::uname(names.as_mut_ptr()) };
    if outcome != 0 {
        return Err(Unknown::new(format_args!("uname: {}", io::Error::last_os_error())));
    }
    // SAFETY: all of it was zero at first, which is valid for arrays of characters, and the call has filled it in.
    let names = unsafe { names.assume_init() };
    let bytes = names.release.map(|character| {
        // Characters are signed on some architectures.
        let [byte] = character.to_ne_bytes();
        byte
    });
    let name = CStr::from_bytes_until_nul(&bytes).map(CStr::to_string_lossy).unwrap_or_default();
    Release::parse(&name).ok_or_else(|| Unknown::new(format_args!("uname: not understood: \"{name}\"")))
}

/// Bytes of a page, in which the kernel counts the memory of pipes.
pub fn page_bytes() -> u64 {
    // SAFETY: no memory of ours is involved; the name is one that POSIX has.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_begins_with_two_numbers() {
        for (name, version) in [
            ("6.18.44-fc-v595", (6, 18)),
            ("5.14.0-427.el9.x86_64", (5, 14)),
            ("6.1", (6, 1)),
            ("6.10-rc3", (6, 10)),
            ("4.4.0", (4, 4)),
        ] {
            assert_eq!(Release::parse(name).unwrap().version, version, "{name}");
        }
        for odd in ["", "6", "6.", ".1", "six.one", "-6.1", "6.x", "99999999999.1", "6.99999999999"] {
            assert_eq!(Release::parse(odd), None, "{odd:?}");
        }
        assert_eq!(Release::parse("6.1\x1b[2J").unwrap().to_string(), "6.1\\u{1b}[2J");
    }

    #[test]
    fn minor_numbers_are_no_fractions() {
        let release = Release::parse("6.10.1").unwrap();
        assert!(release.is_at_least(6, 1) && release.is_at_least(5, 19) && release.is_at_least(6, 10));
        assert!(!release.is_at_least(6, 11) && !release.is_at_least(7, 0));
    }

    #[test]
    fn this_kernel_is_known() {
        assert!(release().unwrap().is_at_least(3, 9));
        assert!(page_bytes().is_power_of_two());
    }
}
