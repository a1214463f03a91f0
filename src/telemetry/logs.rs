//! Log lines, to standard error: for people or as JSON, as `[log]` says.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` cannot be read.
    #[error(
        "log.level = \"{level}\": {source} (write for example \"info\", or \"info,lango::callbacks=debug\" \
         for more about one part)"
    )]
    Level {
        /// What the settings say.
        level: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Logging was started before in this process.
    #[error("logging was already started in this process")]
    Started,
}

/// Starts logging for the whole process. Called once, after the settings were read.
pub fn start(settings: &Log) -> Result<(), LogError> {
    let filter = filter(&settings.level)?;
    // Colours are for eyes: a file or a log collector gets plain lines.
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(coloured);
    let started = match settings.format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|_| LogError::Started)
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(level).map_err(|source| LogError::Level { level: level.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_and_a_level_for_one_part_are_understood() {
        assert!(filter("info").is_ok());
        assert!(filter("warn,lango::callbacks=debug").is_ok());
    }

    #[test]
    fn a_level_that_makes_no_sense_is_named_in_the_error() {
        let error = filter("lango=loud").unwrap_err();
        assert!(error.to_string().contains("lango=loud"), "{error}");
    }
}
