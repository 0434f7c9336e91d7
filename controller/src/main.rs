//! The program ipcontroller.

#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::process::ExitCode;

use anympi_controller::arguments::{Arguments, SETTINGS};
use anympi_controller::{Controller, Ending, Settings};
use anympi_wire::arguments::{LogLevel, prepare};
use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let words: Result<Vec<String>, _> = std::env::args_os().map(std::ffi::OsString::into_string).collect();
    let words = match words {
        Ok(words) => words,
        Err(wrong) => {
            eprintln!("ipcontroller: an argument is not valid Unicode: {}", wrong.display());
            return ExitCode::FAILURE;
        }
    };
    let prepared = prepare(words, SETTINGS);
    let arguments = Arguments::parse_from(prepared.arguments);
    match run(arguments, &prepared.unknown) {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("ipcontroller: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, unknown: &[String]) -> Result<ExitCode, String> {
    if let Some(directory) = &arguments.work_dir {
        std::env::set_current_dir(directory)
            .map_err(|error| format!("cannot work in {}: {error}", directory.display()))?;
    }
    let (level, to_file) = (arguments.level(), arguments.log_to_file);
    let (settings, ignored) = arguments.settings()?;
    start_log(level, to_file, &settings)?;
    for setting in unknown {
        tracing::warn!("the setting {setting} is not known here and has no effect");
    }
    ignored.iter().for_each(|text| tracing::warn!("{text}"));

    // Before the first thread, so that no signal finds the process half started.
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals = signals.map_err(|error| format!("cannot handle signals: {error}"))?;
    let security = settings.profile.security_dir();
    let controller = Controller::start(settings).map_err(|error| error.to_string())?;
    let call = controller.caller();
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            tracing::info!("signal {signal}: ending");
            call();
        }
    });
    if level <= LogLevel::Warning {
        let port = controller.client.registration;
        let interface = &controller.client.interface;
        eprintln!("ipcontroller: ready at {interface}:{port}, connection files in {}", security.display());
    }
    let ending = controller.wait();
    controller.stop();
    match ending {
        Ending::Requested | Ending::Called => Ok(ExitCode::SUCCESS),
        Ending::Failed => Err("ended because a part of it failed; see the log above".to_string()),
    }
}

fn start_log(level: LogLevel, to_file: bool, settings: &Settings) -> Result<(), String> {
    let filter = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Critical => LevelFilter::ERROR,
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(filter).with_target(false);
    if to_file {
        settings.profile.create().map_err(|error| error.to_string())?;
        let path = settings.profile.log_dir().join(format!("ipcontroller-{}.log", std::process::id()));
        let file = std::fs::File::create(&path);
        let file = file.map_err(|error| format!("cannot write the log {}: {error}", path.display()))?;
        subscriber.with_ansi(false).with_writer(file).init();
    } else {
        let colours = std::io::stderr().is_terminal();
        subscriber.with_ansi(colours).with_writer(std::io::stderr).init();
    }
    Ok(())
}
