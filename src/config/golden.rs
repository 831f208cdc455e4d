//! Every `tests/golden/config/*.toml` is read, and what is said of it compared with the `.stderr` beside it.
//!
//! `GOLDEN=write cargo test --lib config::golden` writes the `.stderr` files anew; the diff is to be reviewed.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{Config, Listing, Surroundings};

#[test]
fn every_golden_file_is_answered_as_before() {
    let write = std::env::var("GOLDEN").is_ok_and(|value| value == "write");
    let mut different = Vec::new();
    for path in golden_files() {
        let answer = answer(&path);
        let expected_path = path.with_extension("stderr");
        if write {
            fs::write(&expected_path, &answer).unwrap();
        } else if fs::read_to_string(&expected_path).unwrap_or_default() != answer {
            different.push(format!("{}:\n{answer}", path.display()));
        }
    }
    assert!(different.is_empty(), "differs from the .stderr beside it:\n{}", different.join("\n"));
}

#[test]
fn files_called_ok_are_accepted_and_no_others() {
    for path in golden_files() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let accepted = name.starts_with("ok_") || name.starts_with("warning_");
        assert_eq!(read(&name, &fs::read_to_string(&path).unwrap()).is_ok(), accepted, "{name}");
    }
}

proptest! {
    /// Whatever is cut out of and put into a file, it is answered, and the answer can be rendered.
    #[test]
    fn a_mutated_file_never_panics(
        which in any::<prop::sample::Index>(),
        start in any::<prop::sample::Index>(),
        length in 0_usize..12,
        insert in prop::sample::select(&SNIPPETS[..]),
    ) {
        let files = golden_files();
        let text = fs::read_to_string(which.get(&files)).unwrap();
        let characters: Vec<char> = text.chars().collect();
        let start = start.index(characters.len() + 1);
        let end = (start + length).min(characters.len());
        let mutated: String = characters[..start].iter().collect::<String>() + insert + &characters[end..].iter().collect::<String>();
        if let Err(error) = read("mutated.toml", &mutated) {
            prop_assert!(error.to_string().starts_with("mutated.toml:"));
        }
    }

    #[test]
    fn no_text_at_all_panics(text in "\\PC{0,60}") {
        if let Err(error) = read("any.toml", &text) {
            prop_assert!(error.to_string().starts_with("any.toml:"));
        }
    }
}

const SNIPPETS: [&str; 24] = [
    "",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "${",
    "${X}",
    "$",
    "\\",
    "é",
    "\r\n",
    "\t",
    "#",
    "0",
    "[[route]]\n",
    "[pool]\n",
    ",",
    "\"\"\"",
    "\u{0}",
    "\u{feff}",
];

pub(super) fn read(name: &str, text: &str) -> Result<Config, super::ConfigError> {
    Config::from_text_in(name, text, &Surroundings { variable: &variable, resolve: &resolve })
}

fn answer(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    match read(name, &fs::read_to_string(path).unwrap()) {
        Ok(config) if config.warnings.is_empty() => String::new(),
        Ok(config) => format!("{}\n", Listing(&config.warnings)),
        Err(error) => format!("{error}\n"),
    }
}

fn golden_files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn variable(name: &str) -> Option<String> {
    match name {
        "BACKEND" => Some("10.0.0.5:50051".to_owned()),
        "SHARDS" => Some("four".to_owned()),
        _ => None,
    }
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host {
        "orders.example" => Ok(vec![([192, 0, 2, 1], port).into(), ([192, 0, 2, 2], port).into()]),
        _ => Err(io::Error::other("Name or service not known")),
    }
}
