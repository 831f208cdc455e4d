//! A foreign program that makes load: run to its end within a limit, and read.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::Program;

/// More than a tool takes to start, to wait for its last requests and to add up.
const SLACK: Duration = Duration::from_secs(30);

/// Runs a tool that is to make load for a while. Returns its standard output.
///
/// # Errors
///
/// It could not be started, failed, or did not end.
pub(crate) fn run(name: &str, command: &mut Command, duration: Duration, folder: &Path) -> io::Result<String> {
    let path = folder.join(format!("{name}.out"));
    let mut program = Program::start(name, command, folder, File::create(&path)?.into())?;
    if !program.wait(duration + SLACK)?.success() {
        return Err(io::Error::other(format!("{name} failed: {}", program.last_words())));
    }
    let output = fs::read(path)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}
