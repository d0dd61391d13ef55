//! What the code itself names: paths in `use` and in expressions, outside of tests. Admission reads no file, opens
//! no socket, and has one clock and one source of randomness; only the demo knows the booking service.

use syn::visit::Visit;

use crate::Finding;
use crate::tree::{Tree, is_test_file};

/// Within `scope`, no path may begin with any of `banned`, except in these files.
struct Fence {
    scope: &'static str,
    banned: &'static [&'static str],
    except: &'static [&'static str],
    why: &'static str,
}

const FENCES: &[Fence] = &[
    Fence {
        scope: "admission/src/",
        banned: &[
            "std::fs",
            "std::env",
            "std::process",
            "std::net::Tcp",
            "std::net::Udp",
            "tokio::fs",
            "tokio::net",
        ],
        except: &[],
        why: "admission decides; it knows no files, environment or sockets",
    },
    Fence {
        scope: "admission/src/",
        banned: &["pingora", "axum", "hyper", "http::"],
        except: &[],
        why: "admission knows no HTTP",
    },
    Fence {
        scope: "admission/src/",
        banned: &[
            "std::time::SystemTime",
            "SystemTime::",
            "Instant::now",
            "std::time::Instant::now",
        ],
        // Deadlines of calls under way to Redis: no decision hangs on them.
        except: &["admission/src/clock.rs", "admission/src/store/redis/"],
        why: "time is an argument; the one clock is admission/src/clock.rs",
    },
    Fence {
        scope: "admission/src/",
        banned: &["getrandom", "rand::"],
        except: &["admission/src/entropy.rs"],
        why: "randomness is an argument; the one source is admission/src/entropy.rs",
    },
    Fence {
        scope: "config/src/",
        banned: &["pingora", "axum", "tokio", "redis", "std::net::Tcp", "std::net::Udp"],
        except: &[],
        why: "configuration turns text into values; it opens nothing",
    },
    Fence {
        scope: "geo/src/",
        banned: &[
            "stanchion",
            "pingora",
            "axum",
            "tokio",
            "std::net::Tcp",
            "std::net::Udp",
        ],
        except: &[],
        why: "geo knows addresses and nothing else",
    },
    Fence {
        scope: "origin-booking/src/",
        banned: &["stanchion::", "stanchion_admission", "stanchion_config"],
        except: &[],
        why: "the booking service stands alone",
    },
    Fence {
        scope: "origin-booking/src/shop/",
        banned: &[
            "axum",
            "tokio",
            "rusqlite",
            "postgres",
            "getrandom",
            "std::thread",
            "std::fs",
        ],
        except: &[],
        why: "the order processor is pure: time and randomness are arguments",
    },
    Fence {
        scope: "proxy/src/",
        banned: &["stanchion_booking"],
        except: &["proxy/src/demo.rs", "proxy/src/demo/"],
        why: "only the demo knows the booking service",
    },
];

pub fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !is_test_file(path)) {
        let fences: Vec<&Fence> = FENCES
            .iter()
            .filter(|fence| path.starts_with(fence.scope) && !fence.except.iter().any(|file| path.starts_with(file)))
            .collect();
        if fences.is_empty() {
            continue;
        }
        match named_paths(text) {
            Ok(paths) => findings.extend(paths.iter().filter_map(|named| crossing(path, named, &fences))),
            Err(problem) => findings.push(format!("{path}: cannot be parsed: {problem}")),
        }
    }
    findings
}

fn crossing(path: &str, named: &Named, fences: &[&Fence]) -> Option<Finding> {
    let fence = fences
        .iter()
        .find(|fence| fence.banned.iter().any(|banned| begins_with(&named.path, banned)))?;
    Some(format!("{path}:{}: `{}`: {}", named.line, named.path, fence.why))
}

/// `std::net::Tcp` is the beginning of a name; `tokio` is a whole one.
fn begins_with(path: &str, banned: &str) -> bool {
    let Some(rest) = path.strip_prefix(banned) else {
        return false;
    };
    let partial = banned.ends_with("::") || banned.ends_with("Tcp") || banned.ends_with("Udp") || banned == "stanchion";
    partial || rest.is_empty() || rest.starts_with("::")
}

struct Named {
    path: String,
    line: usize,
}

fn named_paths(text: &str) -> syn::Result<Vec<Named>> {
    let file = syn::parse_file(text)?;
    let mut collector = Collector { paths: Vec::new() };
    collector.visit_file(&file);
    Ok(collector.paths)
}

struct Collector {
    paths: Vec<Named>,
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let line = item.use_token.span.start().line;
        flatten("", &item.tree, &mut |path| self.paths.push(Named { path, line }));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // A name alone is a local one, or came in by a `use`.
        if names.len() < 2 {
            return syn::visit::visit_path(self, path);
        }
        let line = path
            .segments
            .first()
            .map_or(0, |segment| segment.ident.span().start().line);
        self.paths.push(Named {
            path: names.join("::"),
            line,
        });
        syn::visit::visit_path(self, path);
    }
}

fn flatten(before: &str, tree: &syn::UseTree, found: &mut dyn FnMut(String)) {
    let join = |name: String| {
        if before.is_empty() {
            name
        } else {
            format!("{before}::{name}")
        }
    };
    match tree {
        syn::UseTree::Path(path) => flatten(&join(path.ident.to_string()), &path.tree, found),
        syn::UseTree::Name(name) => found(join(name.ident.to_string())),
        syn::UseTree::Rename(rename) => found(join(rename.ident.to_string())),
        syn::UseTree::Glob(_) => found(join("*".to_owned())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| flatten(before, item, found)),
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.to_string().contains("test")))
    })
}

#[test]
fn crossings_are_found_and_tests_are_not() {
    let text = "use std::{fs, time::Duration};\nfn f() { let _ = std::time::SystemTime::now(); }\n\
                #[cfg(test)] mod tests { use std::fs::File; }\nuse tokio_util::x;\n";
    let fences: Vec<&Fence> = FENCES.iter().filter(|fence| fence.scope == "admission/src/").collect();
    let paths = named_paths(text).unwrap();
    let found: Vec<_> = paths
        .iter()
        .filter_map(|named| crossing("admission/src/x.rs", named, &fences))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("admission/src/x.rs:1: `std::fs`"), "{found:?}");
    assert!(
        found[1].starts_with("admission/src/x.rs:2: `std::time::SystemTime::now`"),
        "{found:?}"
    );
}
