//! `anympi plugin new`: a directory with a plugin that builds and keeps the rules.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::options::{Language, PluginNew};
use crate::output::print;

const C: &str = include_str!("template.c.txt");
const MAKEFILE: &str = "\
lib@NAME@.so: @NAME@.c anympi_plugin.h
\t$(CC) -std=c99 -Wall -Wextra -O2 -fPIC -shared -o $@ @NAME@.c

check: lib@NAME@.so
\tanympi plugin check ./lib@NAME@.so
";
const RUST: &str = include_str!("template.rs.txt");
const CARGO: &str = "\
[package]
name = \"@NAME@\"
version = \"0.1.0\"
edition = \"2024\"

[lib]
crate-type = [\"cdylib\"]

[dependencies]
anympi-plugin-sdk = { path = \"@SDK@\" }

[workspace]
";

/// Writes the files.
pub fn new(arguments: &PluginNew) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let typed = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !starts_well || !typed || name.len() > 64 {
        return Err(Failure::PluginName { name: name.clone() });
    }
    let directory = Path::new(name);
    if directory.exists() {
        return Err(Failure::Exists { path: directory.to_owned() });
    }
    let filled =
        |text: &str| text.replace("@NAME@", name).replace("@SDK@", &arguments.sdk.display().to_string());
    let files = match arguments.lang {
        Language::C => vec![
            (format!("{name}.c"), filled(C)),
            ("anympi_plugin.h".to_owned(), anympi::plugins::HEADER.to_owned()),
            ("Makefile".to_owned(), filled(MAKEFILE)),
        ],
        Language::Rust => {
            vec![("src/lib.rs".to_owned(), filled(RUST)), ("Cargo.toml".to_owned(), filled(CARGO))]
        }
    };
    for (file, text) in files {
        let path = directory.join(file);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(&path, text)
        };
        write().map_err(|source| Failure::Write { path: path.clone(), source })?;
    }
    let (build, library) = match arguments.lang {
        Language::C => ("make", format!("./lib{name}.so")),
        Language::Rust => ("cargo build --release", format!("target/release/lib{name}.so")),
    };
    print(&format!(
        "{name}/ is there. Build and check it:\n  cd {name} && {build} && anympi plugin check {library}\n"
    ));
    Ok(ExitCode::SUCCESS)
}
