//! The rules that keep the code what `docs/ARCHITECTURE.md` says it is: checked here because nobody remembers them all.
//!
//! Each rule is a function from sources to violations, in a file of `tests/architecture/` with tests of its own on
//! sources that break it. The tests below apply them to this repository. Only text is looked at: a rule that needed
//! the compiler would be a lint's work.

use std::path::{Path, PathBuf};

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/purity.rs"]
mod purity;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/safety.rs"]
mod safety;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/wording.rs"]
mod wording;

use source::{Source, Violation, told};

#[test]
fn modules_import_only_from_lower_layers() {
    hold(layers::check(&rust("src")));
}

#[test]
fn files_of_a_folder_import_each_other_without_a_circle() {
    hold(circles::check(&rust("src")));
}

#[test]
fn unsafe_code_is_where_it_may_be_and_says_why_it_is_sound() {
    hold(safety::check(&[rust("src"), rust("tests"), rust("benches")].concat()));
}

#[test]
fn parsers_and_bridge_see_no_input_output_and_no_clock() {
    hold(purity::check(&rust("src")));
}

#[test]
fn paths_named_in_the_documentation_exist() {
    hold(paths::check(&documents(), &|path| root().join(path).exists()));
}

#[test]
fn every_rule_of_the_bridge_has_a_test_that_cites_it() {
    let document = documents().into_iter().find(|document| document.path == "docs/BRIDGE.md");
    let document = document.expect("the bridge is documented");
    assert!(document.text.contains("| RFC 9113 section 3.4 | `"), "its rules stand in a table");
    hold(rules::check(&document, &[rust("src/bridge"), rust("tests/way")].concat()));
}

#[test]
fn files_are_short() {
    hold(wording::check_length(&rust("src")));
}

#[test]
fn words_are_those_of_the_project() {
    let mut texts = [rust("src"), rust("tests"), rust("benches"), documents()].concat();
    // These files have to name what they forbid.
    texts.retain(|text| !text.path.starts_with("tests/architecture"));
    hold(wording::check_words(&texts));
}

#[test]
fn ignored_tests_say_why() {
    hold(wording::check_ignored(&[rust("src"), rust("tests"), rust("benches")].concat()));
}

#[track_caller]
fn hold(violations: Vec<Violation>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), told(&violations).join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder of the repository.
fn rust(folder: &str) -> Vec<Source> {
    read(files(&root().join(folder), "rs"))
}

/// The documents for readers.
fn documents() -> Vec<Source> {
    let top = ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into_iter().filter(|path| path.exists());
    read(top.chain(files(&root().join("docs"), "md")).collect())
}

fn read(paths: Vec<PathBuf>) -> Vec<Source> {
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).ok()?;
        Some(Source::new(&path.strip_prefix(root()).ok()?.to_string_lossy(), &text))
    };
    paths.into_iter().filter_map(source).collect()
}

/// All files below `folder` with this extension, sorted; none if there is no such folder. What builds and tools leave
/// behind (`target`, hidden folders) is left out.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn this_repository_is_found() {
    // A test that finds no files would hold for ever.
    assert!(rust("src").iter().any(|source| source.path == "src/wire/mod.rs"));
}
