//! `spliceway check`: is this configuration good, without opening a listener or sending a connection anywhere.
//!
//! It reads the file exactly as a start does, host names included, so that what passes here starts there.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::config::{Config, ConfigError, Listing, Severity};

/// Check a configuration file and say everything that is wrong with it.
///
/// No listener is opened and no backend is connected to, but host names are resolved, and environment variables in the
/// file are put in. Ends with 0 if the file is good, else with 1.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spliceway check --config /etc/spliceway.toml
  spliceway check --config spliceway.toml --strict            in CI: warnings fail too
  spliceway check --config new.toml && systemctl restart spliceway")]
pub struct CheckArgs {
    /// The file to check.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// Fail on warnings too.
    #[arg(long)]
    pub strict: bool,
}

/// Checks the file: the verdict goes to `out`, what is wrong goes to `err`.
///
/// The exit code is 0 for a good file; 1 for one with errors, with warnings if `strict`, or if nothing can be written.
pub fn run(path: &Path, strict: bool, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    match check(path, strict, out, err) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn check(path: &Path, strict: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<bool> {
    let file = path.display();
    let config = match Config::from_file(path) {
        Ok(config) => config,
        Err(error) => {
            writeln!(err, "{error}\n\n{file}: {}", tally(&error))?;
            return Ok(false);
        }
    };
    let warnings = config.warnings.len();
    if warnings > 0 {
        writeln!(err, "{}\n", Listing(&config.warnings))?;
    }
    if strict && warnings > 0 {
        writeln!(err, "{file}: {}, and --strict is given", counted(warnings, "warning"))?;
        return Ok(false);
    }
    let listeners = counted(config.listeners.len(), "listener");
    let routes = counted(config.routes.rules().len(), "route");
    let pools = counted(config.pools.len(), "pool");
    writeln!(out, "{file}: ok, {listeners}, {routes}, {pools}")?;
    Ok(true)
}

fn tally(error: &ConfigError) -> String {
    let errors = error.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error).count();
    counted(errors, "error")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_on(name: &str, strict: bool) -> (ExitCode, String, String) {
        let path = Path::new("tests/golden/config").join(name);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&path, strict, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_good_file_is_ok_and_counted() {
        let (code, out, err) = run_on("ok_small.toml", true);
        assert_eq!(
            (out.as_str(), err.as_str()),
            ("tests/golden/config/ok_small.toml: ok, 1 listener, 0 routes, 1 pool\n", "")
        );
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[test]
    fn warnings_are_shown_and_fail_only_when_strict() {
        let (code, out, err) = run_on("warning_all.toml", false);
        assert_eq!(out, "tests/golden/config/warning_all.toml: ok, 2 listeners, 3 routes, 3 pools\n");
        assert!(err.starts_with("tests/golden/config/warning_all.toml:4:18: warning: key "), "{err}");
        assert_eq!(code, ExitCode::SUCCESS);

        let (code, out, err) = run_on("warning_all.toml", true);
        assert_eq!(out, "");
        assert!(err.ends_with("\ntests/golden/config/warning_all.toml: 6 warnings, and --strict is given\n"), "{err}");
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[test]
    fn errors_fail() {
        let (code, out, err) = run_on("proxy_protocol.toml", false);
        assert_eq!(out, "");
        assert!(err.ends_with("\n\ntests/golden/config/proxy_protocol.toml: 2 errors\n"), "{err}");
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let (code, _, err) = run_on("none.toml", false);
        assert!(err.starts_with("tests/golden/config/none.toml: cannot be read: No such file"), "{err}");
        assert!(err.contains("\n  help: check the path; "), "{err}");
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[test]
    fn the_help_can_be_built() {
        let command = <CheckArgs as clap::Args>::augment_args(clap::Command::new("check"));
        command.debug_assert();
    }
}
