//! The `--Class.trait=value` forms of a command line.
//!
//! The stock programs take every setting as `--Class.trait=value`, and launchers and scripts use that. A program lists
//! those that it has an option for; [`prepare`] rewrites them to that option before the ordinary parser sees the
//! command line, and takes out the others, to be named in a warning.

/// One setting that has an option.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `Class.trait`, such as `HeartMonitor.period`.
    pub name: &'static str,
    /// The option, such as `--ping`.
    pub option: &'static str,
    /// Whether the option has no value: it is given when the setting is true.
    pub switch: bool,
}

impl Setting {
    /// A setting whose option takes the value.
    pub const fn value(name: &'static str, option: &'static str) -> Setting {
        Setting { name, option, switch: false }
    }

    /// A setting whose option is a switch.
    pub const fn switch(name: &'static str, option: &'static str) -> Setting {
        Setting { name, option, switch: true }
    }
}

/// A command line for the ordinary parser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    /// The arguments, the program's name included if it was there.
    pub arguments: Vec<String>,
    /// `Class.trait=value` of the settings that the program does not have.
    pub unknown: Vec<String>,
}

/// Rewrite the settings that are known and take out the others. Both `--Class.trait=value` and `--Class.trait value` are
/// understood; what follows `--` is left alone.
pub fn prepare(arguments: impl IntoIterator<Item = String>, settings: &[Setting]) -> Prepared {
    let mut prepared = Prepared::default();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            prepared.arguments.push(argument);
            prepared.arguments.extend(arguments);
            break;
        }
        let Some(text) = argument.strip_prefix("--").filter(|text| is_setting(text)) else {
            prepared.arguments.push(argument);
            continue;
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.to_string(), value.to_string()),
            None => {
                let value = arguments.next_if(|next| !next.starts_with("--"));
                (text.to_string(), value.unwrap_or_else(|| "True".to_string()))
            }
        };
        let value = unquote(&value);
        match settings.iter().find(|setting| setting.name == name) {
            Some(setting) if !setting.switch => {
                prepared.arguments.push(format!("{}={value}", setting.option));
            }
            Some(setting) => {
                if is_true(value) {
                    prepared.arguments.push(setting.option.to_string());
                }
            }
            None => prepared.unknown.push(format!("{name}={value}")),
        }
    }
    prepared
}

/// `Class.trait`, perhaps with `=value`.
fn is_setting(text: &str) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let Some((class, rest)) = name.split_once('.') else { return false };
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    class.starts_with(|it: char| it.is_ascii_uppercase()) && word(class) && rest.split('.').all(word)
}

/// Without the quotes of a Python string.
fn unquote(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on")
}

/// How much a program tells, as `--log-level` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    Warning,
    /// What is wrong.
    Error,
    /// Only what ends the program.
    Critical,
}

/// A log level in words that neither the numbers nor the names of Python's logging know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no log level: use DEBUG, INFO, WARN, ERROR, CRITICAL, or a number such as 10")]
pub struct LogLevelError(String);

impl std::str::FromStr for LogLevel {
    type Err = LogLevelError;

    /// A name or a number of Python's logging module.
    fn from_str(text: &str) -> Result<LogLevel, LogLevelError> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "DEBUG" => LogLevel::Debug,
            "INFO" => LogLevel::Info,
            "WARN" | "WARNING" => LogLevel::Warning,
            "ERROR" => LogLevel::Error,
            "CRITICAL" | "FATAL" => LogLevel::Critical,
            number => match number.parse::<u32>() {
                Ok(0..=10) => LogLevel::Debug,
                Ok(11..=20) => LogLevel::Info,
                Ok(21..=30) => LogLevel::Warning,
                Ok(31..=40) => LogLevel::Error,
                Ok(_) => LogLevel::Critical,
                Err(_) => return Err(LogLevelError(text.to_string())),
            },
        })
    }
}
