//! `stanchion schema`: the JSON Schema of the configuration file, for editors.

use std::io::Write;
use std::process::ExitCode;

pub fn run() -> ExitCode {
    let text = format!("{:#}\n", stanchion_config::schema());
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
