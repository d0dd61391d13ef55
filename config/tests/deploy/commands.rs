//! Whether a command line fits our programs, judged by their sources: this crate must not depend on them.

use super::read;

/// `["a", "b"]` as in a Containerfile.
pub fn exec_form(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The subcommand is one of the program's, and every option is one of the subcommand's.
pub fn check(program: &str, words: &[String]) {
    let (subcommand, options) = words
        .split_first()
        .unwrap_or_else(|| panic!("{program} without a subcommand"));
    let (commands, options_of) = match program {
        "stanchion" => (
            read("proxy/src/cli/mod.rs"),
            read(&format!("proxy/src/cli/{subcommand}.rs")),
        ),
        "stanchion-booking" => (read("origin-booking/src/main.rs"), read("origin-booking/src/main.rs")),
        other => panic!("{other} is not a program of ours"),
    };
    let mut name = subcommand.clone();
    name[..1].make_ascii_uppercase();
    assert!(
        commands.contains(&format!("    {name}(")),
        "{program} has no {subcommand}"
    );
    for option in options.iter().filter_map(|word| word.strip_prefix("--")) {
        let field = option.split('=').next().unwrap_or_default().replace('-', "_");
        let declared = [format!("    {field}: "), format!("    pub {field}: ")];
        assert!(
            declared.iter().any(|field| options_of.contains(field)),
            "{program} {subcommand} has no --{option}"
        );
    }
}
