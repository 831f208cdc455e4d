//! Why the kernel refuses io_uring, and what to do about it.
//!
//! The errno says little: `EPERM` is a sysctl, a seccomp filter or a security module. What can be read of them narrows it
//! down, and where nothing does, the suspects are named. `run` and `doctor` tell the same, as both ask here.

use std::io;

use super::process::{self, Capability, Limit, Resource, Status};
use super::{Fact, sysctl};

/// What may forbid io_uring, and what allows it all the same.
#[derive(Debug)]
pub struct Permissions {
    /// `kernel.io_uring_disabled`: 0 for nobody, 1 for those without a right to it, 2 for everybody.
    pub disabled: Fact<u64>,
    /// `kernel.io_uring_group`, who may use it at 1; negative for none.
    pub group: Fact<i64>,
    /// Filters and capabilities of this process.
    pub status: Fact<Status>,
    /// Bytes that the processes of this user may lock.
    pub locked_memory: Limit,
}

impl Permissions {
    /// Those of this process.
    pub fn read() -> Permissions {
        Permissions {
            disabled: sysctl::number("kernel.io_uring_disabled"),
            group: sysctl::signed("kernel.io_uring_group"),
            status: process::status(),
            locked_memory: process::limit(Resource::Memlock),
        }
    }

    /// Whether a seccomp filter is in force; `None` if that cannot be read.
    pub fn has_filter(&self) -> Option<bool> {
        self.status.as_ref().ok().and_then(Status::has_seccomp_filter)
    }

    fn is_admin(&self) -> bool {
        self.status.as_ref().ok().and_then(|status| status.has(Capability::SysAdmin)) == Some(true)
    }
}

/// Who refuses io_uring, and what to do about it.
#[derive(Debug)]
pub struct Cause {
    /// In words.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// Whether the host does not want io_uring or has none, in contrast to a shortage (`ENOMEM`, `EMFILE`), which another
/// engine would hide and not mend.
pub fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EINVAL))
}

/// Error, cause and remedy in one line.
pub fn explain(error: &io::Error) -> String {
    explained(error, &Permissions::read())
}

fn explained(error: &io::Error, permissions: &Permissions) -> String {
    let Cause { why, remedy } = cause(error, permissions);
    format!("{error}; {why}; {remedy}")
}

/// Why setting up a ring ended with `error`.
pub fn cause(error: &io::Error, permissions: &Permissions) -> Cause {
    let (why, remedy) = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => return forbidden(permissions),
        Some(libc::ENOSYS) => (
            if permissions.has_filter() == Some(true) {
                "a seccomp filter or a sandbox hides io_uring, or the kernel was built without it"
            } else {
                "the kernel has no io_uring, or a sandbox such as gVisor hides it"
            },
            "run outside of the sandbox, or on Linux 6.1 or newer with CONFIG_IO_URING",
        ),
        Some(libc::EINVAL) => ("io_uring is too old here", "take Linux 6.1 or newer"),
        Some(libc::ENOMEM) => {
            let Limit { soft, hard } = permissions.locked_memory;
            let (soft, hard) = (kibibytes(soft), kibibytes(hard));
            let why = format!("memory is short; the processes of this user may lock {soft} (hard limit: {hard})");
            let remedy = "raise the limit of locked memory (`ulimit -l`, LimitMEMLOCK=) or the cgroup's memory limit";
            return Cause { why, remedy: remedy.to_owned() };
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            ("descriptors are short", "raise the limit of open files (`ulimit -n`, LimitNOFILE=)")
        }
        Some(libc::EAGAIN) => ("threads are short", "raise the limit of tasks (`ulimit -u`, TasksMax=, pids.max)"),
        _ => ("no permission and no known limit explains it", "look into the kernel's log (`dmesg`)"),
    };
    Cause { why: why.to_owned(), remedy: remedy.to_owned() }
}

/// The sysctl is asked before any security module, and nothing tells which of them said no; but it is the one that can
/// be read.
fn forbidden(permissions: &Permissions) -> Cause {
    let (mut why, mut remedy) = match (&permissions.disabled, permissions.has_filter()) {
        (Ok(2..), _) => (
            "kernel.io_uring_disabled is 2: nobody may use io_uring".to_owned(),
            "set `sysctl kernel.io_uring_disabled=0`, or 1 and kernel.io_uring_group to a group of Spliceway's user"
                .to_owned(),
        ),
        (Ok(1), _) if !permissions.is_admin() => {
            let group = match &permissions.group {
                Ok(group @ 0..) => format!("group {group}"),
                Ok(_) => "kernel.io_uring_group, which names none,".to_owned(),
                Err(_) => "kernel.io_uring_group".to_owned(),
            };
            (
                format!("kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and {group} may use io_uring"),
                "run as a member of kernel.io_uring_group, or set `sysctl kernel.io_uring_disabled=0`".to_owned(),
            )
        }
        (_, Some(true)) => return Cause { why: SECCOMP.to_owned(), remedy: ALLOW.to_owned() },
        (_, Some(false)) => (
            "neither kernel.io_uring_disabled nor seccomp forbids it, so a security module may".to_owned(),
            "look for io_uring in the audit log of SELinux or AppArmor, and allow it to Spliceway".to_owned(),
        ),
        (_, None) => (
            "seccomp or a security module forbids it; /proc/self/status does not tell which".to_owned(),
            format!("if it is seccomp, {ALLOW}"),
        ),
    };
    if permissions.disabled.as_ref().is_ok_and(|disabled| *disabled > 0) && permissions.has_filter() == Some(true) {
        why.push_str("; a seccomp filter is in force as well");
        remedy = format!("{remedy}; then {ALLOW}");
    }
    Cause { why, remedy }
}

/// As `ulimit -l` has it.
fn kibibytes(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |bytes| format!("{} KiB", bytes / 1024))
}

const SECCOMP: &str = "a seccomp filter refuses io_uring";
const ALLOW: &str = "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile; the default ones \
                     of Docker and containerd refuse them";

#[cfg(test)]
mod tests {
    use super::super::Unknown;
    use super::*;

    fn error(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    /// As the kernel tells them: the sysctl, its group, and lines of a status.
    fn permissions(disabled: Option<u64>, group: i64, status: &str) -> Permissions {
        Permissions {
            disabled: disabled.ok_or_else(|| Unknown::new("no file")),
            group: Ok(group),
            status: Ok(Status::parse(status)),
            locked_memory: Limit { soft: Some(65_536), hard: None },
        }
    }

    fn why(errno: i32, permissions: &Permissions) -> String {
        cause(&error(errno), permissions).why
    }

    #[test]
    fn a_shortage_is_no_refusal() {
        for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EINVAL] {
            assert!(is_refusal(&error(errno)), "{errno}");
        }
        for errno in [libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::EAGAIN, libc::EIO] {
            assert!(!is_refusal(&error(errno)), "{errno}");
        }
        assert!(!is_refusal(&io::ErrorKind::TimedOut.into()));
    }

    #[test]
    fn seccomp_is_named() {
        let told = "Operation not permitted (os error 1); a seccomp filter refuses io_uring; allow io_uring_setup, \
                    io_uring_enter and io_uring_register in the seccomp profile; the default ones of Docker and \
                    containerd refuse them";
        assert_eq!(explained(&error(libc::EPERM), &permissions(Some(0), -1, "Seccomp: 2")), told);
        // A kernel before 6.6 has no sysctl; a sandbox may have one that is odd.
        assert_eq!(why(libc::EACCES, &permissions(None, -1, "Seccomp: 2")), "a seccomp filter refuses io_uring");
    }

    #[test]
    fn the_sysctl_is_named_with_its_group() {
        let why = |disabled, group, status| why(libc::EPERM, &permissions(Some(disabled), group, status));
        let nobody = "kernel.io_uring_disabled is 2: nobody may use io_uring";
        assert_eq!(why(2, -1, "Seccomp: 0"), nobody);
        assert_eq!(why(2, -1, "Seccomp: 2"), format!("{nobody}; a seccomp filter is in force as well"));
        let group = "kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and group 1234 may use io_uring";
        assert_eq!(why(1, 1234, "Seccomp: 0\nCapEff: 0000000000000000"), group);
        let none = "kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and kernel.io_uring_group, which names none, may \
                    use io_uring";
        assert_eq!(why(1, -1, "Seccomp: 0"), none);
        // With the capability it cannot be the sysctl.
        let admin = why(1, -1, "CapEff: 0000000000200000\nSeccomp: 2");
        assert!(admin.starts_with("a seccomp filter refuses io_uring"), "{admin}");
    }

    #[test]
    fn without_a_culprit_there_is_a_suspect() {
        let suspect = |status| why(libc::EPERM, &permissions(Some(0), -1, status));
        assert!(suspect("Seccomp: 0").contains("so a security module may"), "{}", suspect("Seccomp: 0"));
        assert!(suspect("").contains("seccomp or a security module"), "{}", suspect(""));
        let unknown = || Unknown::new("no file");
        let nothing = Permissions {
            disabled: Err(unknown()),
            group: Err(unknown()),
            status: Err(unknown()),
            locked_memory: Limit { soft: None, hard: None },
        };
        let remedy = cause(&error(libc::EPERM), &nothing).remedy;
        assert!(remedy.starts_with("if it is seccomp, allow io_uring_setup"), "{remedy}");
    }

    #[test]
    fn what_hides_io_uring_is_told_apart() {
        let none = "the kernel has no io_uring, or a sandbox such as gVisor hides it";
        let filtered = "a seccomp filter or a sandbox hides io_uring, or the kernel was built without it";
        for (errno, status, expected) in [
            (libc::ENOSYS, "Seccomp: 0", none),
            (libc::ENOSYS, "", none),
            (libc::ENOSYS, "Seccomp: 2", filtered),
            (libc::EINVAL, "Seccomp: 0", "io_uring is too old here"),
        ] {
            assert_eq!(why(errno, &permissions(None, -1, status)), expected);
        }
    }

    #[test]
    fn a_shortage_is_named_with_its_limit() {
        let permissions = permissions(Some(0), -1, "Seccomp: 0");
        let memory = "memory is short; the processes of this user may lock 64 KiB (hard limit: none)";
        assert_eq!(why(libc::ENOMEM, &permissions), memory);
        assert_eq!(why(libc::EMFILE, &permissions), "descriptors are short");
        assert_eq!(why(libc::EAGAIN, &permissions), "threads are short");
        assert_eq!(why(libc::EIO, &permissions), "no permission and no known limit explains it");
    }
}
