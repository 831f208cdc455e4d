//! Rule: inside a folder, no file imports what leads back to it.
//!
//! The files and folders in one folder are compared with each other. A `mod.rs` is the folder's own: what it takes from
//! its children and they from it is no import between files, but what it re-exports belongs to the child it is from.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Named, Root, named};
use crate::source::{Source, Violation};

/// Where an import stands.
type Place<'a> = (&'a Source, usize);
/// For each folder, for each of its children, which of the others it imports.
type Graphs<'a> = BTreeMap<Vec<String>, BTreeMap<String, BTreeMap<String, Place<'a>>>>;

pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let modules = Modules::new(sources);
    let mut graphs = Graphs::new();
    for source in sources {
        let importer: Vec<String> = owned(source);
        for named in named(source) {
            if named.root == Root::Other {
                continue;
            }
            let target = modules.resolve(&named.segments);
            let shared = importer.iter().zip(&target).take_while(|(importer, target)| importer == target).count();
            // The layers are the rule for the root; above and below are no siblings.
            let (Some(from), Some(to)) = (importer.get(shared), target.get(shared)) else { continue };
            if shared > 0 {
                let folder = graphs.entry(importer[..shared].to_vec()).or_default();
                folder.entry(from.clone()).or_default().entry(to.clone()).or_insert((source, named.line));
            }
        }
    }
    graphs.iter().filter_map(|(folder, graph)| circle(graph).map(|circle| violation(folder, graph, &circle))).collect()
}

struct Modules {
    files: BTreeSet<Vec<String>>,
    /// What a module re-exports under which name.
    exports: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl Modules {
    fn new(sources: &[Source]) -> Self {
        let files: BTreeSet<_> = sources.iter().map(owned).collect();
        let mut exports = BTreeMap::new();
        for source in sources {
            let module = owned(source);
            for Named { root, segments, exported, .. } in named(source) {
                if let Some(name) = exported {
                    let path = if root == Root::Ours { segments } else { [&module[..], &segments].concat() };
                    exports.insert((module.clone(), name), path);
                }
            }
        }
        Self { files, exports }
    }

    /// The file that a path leads to, through re-exports.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        let mut path = path.to_vec();
        // As often as a re-export may be re-exported; bounded, because circles are what we look for.
        for _ in 0..4 {
            let length = (0..=path.len()).rev().find(|length| self.files.contains(&path[..*length])).unwrap_or(0);
            let (file, rest) = path.split_at(length);
            let export = rest.first().and_then(|name| self.exports.get(&(file.to_vec(), name.clone())));
            match export {
                Some(export) => path = [export, &rest[1..]].concat(),
                None => return file.to_vec(),
            }
        }
        path
    }
}

fn owned(source: &Source) -> Vec<String> {
    source.module().into_iter().map(str::to_owned).collect()
}

/// The children on a circle, each importing the next and the last one the first.
fn circle(graph: &BTreeMap<String, BTreeMap<String, Place<'_>>>) -> Option<Vec<String>> {
    fn walk<'g>(
        graph: &'g BTreeMap<String, BTreeMap<String, Place<'_>>>,
        node: &'g str,
        way: &mut Vec<&'g str>,
        done: &mut BTreeSet<&'g str>,
    ) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|passed| *passed == node) {
            return Some(way[at..].iter().map(|node| (*node).to_owned()).collect());
        }
        if !done.insert(node) {
            return None;
        }
        way.push(node);
        let found = graph.get(node).into_iter().flatten().find_map(|(next, _)| walk(graph, next, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|node| walk(graph, node, &mut Vec::new(), &mut done))
}

fn violation(folder: &[String], graph: &BTreeMap<String, BTreeMap<String, Place<'_>>>, circle: &[String]) -> Violation {
    let nexts = circle.iter().cycle().skip(1);
    let steps = circle.iter().zip(nexts).map(|(from, to)| ((from, to), graph[from][to]));
    let steps: Vec<_> = steps.collect();
    let told: Vec<_> = steps
        .iter()
        .map(|((from, to), (source, line))| format!("`{from}` imports `{to}` at {}:{line}", source.path))
        .collect();
    let (_, (source, line)) = steps[0];
    source.violation(line, format!("circle in src/{}: {}", folder.join("/"), told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    fn violations(files: &[(&str, &str)]) -> Vec<String> {
        told(&check(&Source::all(files)))
    }

    #[test]
    fn one_way_is_allowed() {
        let files = [
            ("src/a/mod.rs", "mod b; mod c; pub use b::B; pub use self::c::C; fn f() { c::g() }"),
            ("src/a/b.rs", "use super::{C, A}; use crate::z;"),
            ("src/a/c.rs", "use super::A; #[cfg(test)] mod tests { use super::super::b::B; }"),
        ];
        assert_eq!(violations(&files), [""; 0]);
    }

    #[test]
    fn a_circle_is_told_with_every_step() {
        let files = [
            ("src/a/mod.rs", ""),
            ("src/a/b.rs", "use super::c::C;"),
            ("src/a/c.rs", "\nuse crate::a::d::{D};"),
            ("src/a/d.rs", "fn f() { super::b::g() }"),
        ];
        let expected = "src/a/b.rs:1: circle in src/a: `b` imports `c` at src/a/b.rs:1, `c` imports `d` at \
            src/a/c.rs:2, `d` imports `b` at src/a/d.rs:1";
        assert_eq!(violations(&files), [expected]);
    }

    #[test]
    fn a_circle_through_re_exports_is_seen() {
        let files = [
            ("src/a/mod.rs", "pub use b::B; pub use c::{C as Renamed};"),
            ("src/a/b.rs", "use super::Renamed;"),
            ("src/a/c.rs", "use super::B;"),
        ];
        assert_eq!(violations(&files).len(), 1);
    }

    #[test]
    fn folders_are_compared_as_a_whole() {
        let files = [
            ("src/a/mod.rs", ""),
            ("src/a/b/mod.rs", ""),
            ("src/a/b/x.rs", "use super::super::c::C;"),
            ("src/a/b/y.rs", ""),
            ("src/a/c.rs", "use crate::a::b::y::Y;"),
        ];
        assert_eq!(violations(&files).len(), 1);
    }
}
