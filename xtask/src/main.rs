//! `cargo xtask …`: the chores of the workspace. Finds or installs what a chore needs, then hands over to cargo.
//! Std and anyhow only: `cargo demo` builds this first, on a bare machine. Knows nothing of what Stanchion does.

mod bench;
mod demo;
mod install;
mod lint;
mod peers;
mod shell;
mod suite;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <chore>

  demo [args]                     build and run the whole system on this machine (also: cargo demo)
  test [--profile quick|full|long|races] [-- cargo test arguments]
                                  install what the suite needs, then run it all; full is the default;
                                  races: a million on each database of the booking service
  lint [--install-deny]           formatting, clippy, tidy, cargo-deny
  tidy [--tighten]                the house rules alone; --tighten lowers the ratchet to what is there
  bench [args]                    the measurements
  peers [--install]               what the suite needs, and whether it is here; --install gets what is missing
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((chore, rest)) = args.split_first() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let done = match chore.as_str() {
        "demo" => demo::run(rest),
        "test" => suite::run(rest),
        "lint" => lint::run(rest),
        "tidy" => lint::tidy(rest),
        "bench" => bench::run(rest),
        "peers" => match rest {
            [flag] if flag == "--install" => install::ensure(peers::Chore::Test).and_then(|()| peers::print()),
            _ => peers::print(),
        },
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("unknown chore `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("xtask {chore}: {problem:#}");
            ExitCode::FAILURE
        }
    }
}
