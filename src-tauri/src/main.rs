//! `touchstone-desktop [WORKSPACE]`: opens the studio's window.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut workspace = None;
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--help" | "-h") => {
                println!("{}", touchstone_desktop::HELP);
                return ExitCode::SUCCESS;
            }
            Some("--version" | "-V") => {
                println!("touchstone-desktop {}", env!("CARGO_PKG_VERSION"));
                return ExitCode::SUCCESS;
            }
            Some(option) if option.starts_with("--") => {
                eprintln!("unknown option {option}; see touchstone-desktop --help");
                return ExitCode::from(2);
            }
            _ if workspace.is_some() => {
                eprintln!("one workspace at a time; see touchstone-desktop --help");
                return ExitCode::from(2);
            }
            _ => workspace = Some(argument.into()),
        }
    }
    match touchstone_desktop::run(workspace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}
