//! The house rules that a machine can keep: who may depend on whom, how long a function may be, what is not written
//! here. Each module is one rule; a finding says where, what, and what to do. Run by `cargo xtask tidy`.

#![allow(clippy::expect_used)] // a tree that cannot be read is a failed test

mod boundary;
mod crates;
mod length;
mod links;
mod tree;
mod words;

use tree::Tree;

/// A broken rule, ready to print: `file:line: what is wrong`.
type Finding = String;

fn hold(rule: &str, findings: Vec<Finding>) {
    assert!(findings.is_empty(), "\n{rule}\n  {}\n", findings.join("\n  "));
}

#[test]
fn crates_depend_only_in_the_direction_drawn() {
    hold(
        "ARCHITECTURE.md says who may depend on whom.",
        crates::direction(&Tree::read()),
    );
}

#[test]
fn every_dependency_is_explained() {
    hold(
        "Each crate of [workspace.dependencies] has a row in docs/DEPENDENCIES.md.",
        crates::explained(&Tree::read()),
    );
}

#[test]
fn the_lock_file_is_committed_and_names_one_registry() {
    hold("Builds are repeatable.", crates::locked(&Tree::read()));
}

#[test]
fn code_stays_inside_what_its_crate_may_know() {
    hold(
        "ARCHITECTURE.md says what each crate must not know.",
        boundary::findings(&Tree::read()),
    );
}

#[test]
fn functions_fit_a_screen_and_files_a_sitting() {
    hold("Split it; the ratchet only shrinks.", length::findings(&Tree::read()));
}

#[test]
fn words_that_do_not_belong_here() {
    hold("Say it otherwise.", words::findings(&Tree::read()));
}

#[test]
fn every_file_says_what_it_is_for() {
    hold("A Rust file opens with `//!`.", words::headless(&Tree::read()));
}

#[test]
fn documents_that_are_named_exist() {
    hold("A reader follows every name.", links::findings(&Tree::read()));
}
