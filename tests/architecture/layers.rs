//! Rule: a module imports only from modules of lower layers, and `wire` from none of ours.

use std::collections::BTreeSet;

use crate::imports::{Root, named};
use crate::source::{Source, Violation};

/// The top-level modules from top to bottom.
const LAYERS: [&str; 15] = [
    "main",
    "lib",
    "cli",
    "proxy",
    "shard",
    "connection",
    "relay",
    "tap",
    "bridge",
    "log",
    "config",
    "route",
    "wire",
    "sys",
    "limits",
];

/// Layers that import nothing of ours, not even from below.
const ALONE: [&str; 1] = ["wire"];

pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let modules: BTreeSet<&str> = sources.iter().filter_map(|source| source.module().first().copied()).collect();
    sources.iter().flat_map(|source| check_file(source, &modules)).collect()
}

fn check_file(source: &Source, modules: &BTreeSet<&str>) -> Vec<Violation> {
    let module = source.module().first().copied().unwrap_or_default();
    let Some(layer) = layer(module) else {
        let rule =
            format!("module `{module}` has no layer; give it its place in LAYERS in tests/architecture/layers.rs");
        return vec![source.violation(1, rule)];
    };
    let mut violations = Vec::new();
    for named in named(source) {
        // A name at the root of the crate that is no module stands in lib.rs.
        let target = match named.segments.first().map(String::as_str) {
            Some(first) if named.root == Root::Ours => {
                if modules.contains(first) {
                    first
                } else {
                    "lib"
                }
            }
            _ => continue,
        };
        // The root declares the modules and may re-export from all of them.
        if target == module || matches!(module, "main" | "lib") {
            continue;
        }
        if ALONE.contains(&module) {
            violations
                .push(source.violation(named.line, format!("`{module}` imports `{target}`, but must stand alone")));
        } else if self::layer(target).is_none_or(|target| target <= layer) {
            let rule =
                format!("`{module}` imports `{target}`, which is not below it; the layers are {}", LAYERS.join(", "));
            violations.push(source.violation(named.line, rule));
        }
    }
    violations
}

/// Counted from the top.
fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    fn violations(files: &[(&str, &str)]) -> Vec<String> {
        told(&check(&Source::all(files)))
    }

    #[test]
    fn downwards_is_allowed() {
        let files = [
            ("src/lib.rs", "pub mod config; pub use crate::config::Config;"),
            ("src/config/mod.rs", "use crate::{limits, wire::Parsed}; mod x;"),
            ("src/config/x.rs", "use super::Config; use super::super::limits::A; use crate::config::y;"),
            ("src/wire/mod.rs", "pub mod head;"),
            ("src/wire/head.rs", "use super::Parsed; #[cfg(test)] mod tests { use crate::config; }"),
            ("src/limits/mod.rs", ""),
        ];
        assert_eq!(violations(&files), [""; 0]);
    }

    #[test]
    fn upwards_is_a_violation() {
        let files = [
            ("src/route/table.rs", "\nuse crate::config::Config;"),
            ("src/config/mod.rs", "fn f() {\n crate::cli::main() }"),
            ("src/cli/mod.rs", "use super::Version;"),
            ("src/relay/raw/flow.rs", "use super::super::super::shard;"),
            ("src/shard/mod.rs", ""),
        ];
        let found = violations(&files);
        let starts = [
            "src/route/table.rs:2: `route` imports `config`, which is not below it",
            "src/config/mod.rs:2: `config` imports `cli`, which is not below it",
            "src/cli/mod.rs:1: `cli` imports `lib`, which is not below it",
            "src/relay/raw/flow.rs:1: `relay` imports `shard`, which is not below it",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn wire_imports_nothing_of_ours() {
        let files = [("src/wire/a/b.rs", "use crate::limits::X;"), ("src/limits/mod.rs", "")];
        assert_eq!(violations(&files), ["src/wire/a/b.rs:1: `wire` imports `limits`, but must stand alone"]);
    }

    #[test]
    fn a_new_module_has_to_be_placed() {
        let found = violations(&[("src/helper/mod.rs", "")]);
        assert!(found[0].starts_with("src/helper/mod.rs:1: module `helper` has no layer"), "{found:?}");
    }
}
