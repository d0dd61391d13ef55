//! The configuration in the README is one that `stanchion check` takes.

#![allow(clippy::expect_used)] // a README without its sample is a failed test

use stanchion_config::{NotLooking, check};

#[test]
fn the_readme_sample_is_good() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme
        .split_once("```toml\n")
        .expect("the README shows a configuration");
    let (sample, _) = rest.split_once("```").expect("and ends it");
    let config = check(sample, &NotLooking).expect("it is a good one");
    assert_eq!(config.rooms.len(), 1);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}
