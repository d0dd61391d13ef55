use clap::Parser;

fn main() -> std::process::ExitCode {
    stanchion::cli::run(stanchion::cli::Cli::parse())
}
