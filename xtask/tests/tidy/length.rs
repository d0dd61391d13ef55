//! Functions of at most 70 lines, files of at most 400, with a ratchet: what was longer when the rule came is listed in
//! `xtask/ratchet.txt` with its length, and may only shrink. `cargo xtask tidy --tighten` writes the smaller numbers.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::Finding;
use crate::tree::{Tree, root};

const MAX_FUNCTION_LINES: usize = 70;
const MAX_FILE_LINES: usize = 400;
const RATCHET: &str = "xtask/ratchet.txt";

/// What is too long → how many lines: `fn path::name` or `file path`.
type Lengths = BTreeMap<String, usize>;

pub fn findings(tree: &Tree) -> Vec<Finding> {
    let long = too_long(tree);
    let ratchet = read_ratchet(tree.text(RATCHET));
    if std::env::var_os("STANCHION_TIGHTEN").is_some() {
        tighten(&long, &ratchet);
        return Vec::new();
    }
    compare(&long, &ratchet)
}

fn compare(long: &Lengths, ratchet: &Lengths) -> Vec<Finding> {
    let grown = long.iter().filter_map(|(what, lines)| match ratchet.get(what) {
        None => Some(format!("{what}: {lines} lines")),
        Some(allowed) if lines > allowed => Some(format!("{what}: {lines} lines, was {allowed}")),
        Some(_) => None,
    });
    let shrunk = ratchet.iter().filter_map(|(what, allowed)| {
        let now = long.get(what).copied().unwrap_or(0);
        (now < *allowed).then(|| format!("{what}: shorter than the ratchet says; run `cargo xtask tidy --tighten`"))
    });
    grown.chain(shrunk).collect()
}

/// Only ever lowers or removes a number; what is new and too long stays a finding.
fn tighten(long: &Lengths, ratchet: &Lengths) {
    let lines: Vec<String> = ratchet
        .iter()
        .filter_map(|(what, allowed)| long.get(what).map(|now| format!("{} {what}\n", now.min(allowed))))
        .collect();
    std::fs::write(root().join(RATCHET), lines.concat()).expect("the ratchet can be written");
}

fn read_ratchet(text: &str) -> Lengths {
    let entry = |line: &str| {
        let (number, what) = line.split_once(' ')?;
        Some((what.to_owned(), number.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

fn too_long(tree: &Tree) -> Lengths {
    let mut long = Lengths::new();
    for (path, text) in tree
        .files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".lua"))
    {
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            long.insert(format!("file {path}"), lines);
        }
    }
    for (path, text) in tree.rust() {
        let Ok(file) = syn::parse_file(text) else { continue };
        let mut counter = Counter { path, long: &mut long };
        counter.visit_file(&file);
    }
    long
}

struct Counter<'a> {
    path: &'a str,
    long: &'a mut Lengths,
}

impl Counter<'_> {
    fn count(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line + 1 - span.start().line;
        if lines > MAX_FUNCTION_LINES {
            let slot = self.long.entry(format!("fn {}::{name}", self.path)).or_default();
            *slot = lines.max(*slot);
        }
    }
}

impl<'ast> Visit<'ast> for Counter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.count(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.count(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn the_ratchet_only_shrinks() {
    let ratchet = read_ratchet("90 fn a.rs::f\n500 file b.rs\n");
    let lengths = |pairs: &[(&str, usize)]| {
        pairs
            .iter()
            .map(|(what, lines)| ((*what).to_owned(), *lines))
            .collect::<Lengths>()
    };
    assert!(compare(&lengths(&[("fn a.rs::f", 90), ("file b.rs", 500)]), &ratchet).is_empty());
    assert_eq!(
        compare(&lengths(&[("fn a.rs::f", 91), ("file b.rs", 500)]), &ratchet).len(),
        1,
        "grown"
    );
    assert_eq!(
        compare(&lengths(&[("fn a.rs::f", 80), ("file b.rs", 500)]), &ratchet).len(),
        1,
        "not tightened"
    );
    assert_eq!(
        compare(&lengths(&[("fn a.rs::f", 90)]), &ratchet).len(),
        1,
        "gone from the code, still listed"
    );
    let more = lengths(&[("fn a.rs::f", 90), ("file b.rs", 500), ("fn c.rs::g", 71)]);
    assert_eq!(compare(&more, &ratchet).len(), 1, "new and too long");
}
