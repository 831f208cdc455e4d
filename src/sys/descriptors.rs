//! How many descriptors this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits;

/// Raises the soft limit of open files to the hard one: a proxied connection takes two descriptors, and the usual soft
/// limit of 1,024 is for programs that use `select(2)`. Returns the limit now in force.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(limits::DESCRIPTORS).min(limits::DESCRIPTORS);
    let soft = limit.current.unwrap_or(hard);
    if soft >= hard {
        return soft;
    }
    let raised = Rlimit { current: Some(hard), maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { hard } else { soft }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_once_and_stays() {
        let raised = raise_limit();
        assert!(raised > 0);
        assert_eq!(raise_limit(), raised);
    }
}
