//! `posthouse`: reads the command line and runs the command.

use posthouse::app::cli::{self, Command, Parsed};
use posthouse::app::{commands, log, problem::Problem};
use std::process::ExitCode;
use tracing::Level;

fn run() -> Result<(), Problem> {
    match cli::parse(std::env::args_os())? {
        Parsed::Text(text) => commands::say(&text),
        Parsed::Command(cli) => {
            log::start(if matches!(cli.command, Command::Serve) { Level::INFO } else { Level::WARN });
            commands::run(&cli)
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("posthouse: {problem}");
            ExitCode::from(problem.status())
        }
    }
}
