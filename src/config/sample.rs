//! Shares of connections: `1/1000`.

use std::num::NonZeroU64;

use super::diagnostic::{Problem, quoted};

/// Reads a share; the answer is of how many connections one is meant.
pub(super) fn parse(text: &str) -> Result<NonZeroU64, Problem> {
    let one_in = text.trim().strip_prefix("1/").map(str::trim).and_then(|count| count.parse().ok());
    one_in.ok_or_else(|| {
        let help = "write \"1/N\": one connection in N, so \"1/1000\", or \"1/1\" for all";
        Problem::new(format!("{} is not a share", quoted(text)), help.to_owned())
    })
}

/// The same for a flag.
pub(super) fn of_flag(text: &str) -> Result<NonZeroU64, String> {
    parse(text).map_err(|problem| problem.help.unwrap_or(problem.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_in_some() {
        assert_eq!(parse("1/1000").unwrap().get(), 1000);
        assert_eq!(parse(" 1/ 1").unwrap().get(), 1);
        for wrong in ["", "1", "0.1", "1/0", "2/3", "1/-1", "1/x", "1%", "/5"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
