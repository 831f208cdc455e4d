//! A host without io_uring, played by a seccomp filter.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Lets io_uring_setup(2) fail with `errno`. Holds for this thread and for the program that it becomes.
pub(crate) fn refuse_io_uring(errno: u32) {
    // No rules: whatever the arguments are.
    let calls = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, SeccompAction::Errno(errno), architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}
