//! Reads `lango.toml`, makes its paths absolute and checks what types cannot.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CALLBACK_CONNECTIONS_MIN, Settings, doors, limits};

/// What is wrong with the settings, with the place and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}{}", path.display(), hint(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not what a settings file may be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What, and where in the file.
        message: String,
    },
}

/// Whoever names no file gets the one of this folder, which may not be the deployment's.
fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "; name the deployment's settings file with --config",
        _ => "",
    }
}

/// The settings in the file at `path`, with absolute paths.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let base = std::path::absolute(path).map_err(unreadable)?;
    parse(&text, base.parent().unwrap_or(Path::new("/")))
        .map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
}

/// The settings in `text`; its paths are taken from the folder `base`.
pub fn parse(text: &str, base: &Path) -> Result<Settings, String> {
    let mut settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
    for path in paths(&mut settings) {
        *path = base.join(&*path);
    }
    check(&settings)?;
    Ok(settings)
}

fn paths(settings: &mut Settings) -> Vec<&mut PathBuf> {
    let Settings { node, doors, credentials, callbacks, .. } = settings;
    let mut paths = vec![
        &mut node.data,
        &mut node.secret_key,
        &mut node.catalogue,
        &mut node.whitelist,
        &mut doors.third_party.certificate,
        &mut doors.third_party.key,
        &mut doors.third_party.client_ca,
        &mut doors.handset.certificate,
        &mut doors.handset.key,
        &mut doors.handset.client_ca,
        &mut doors.admin.socket,
        &mut callbacks.certificate,
        &mut callbacks.key,
        &mut callbacks.server_ca,
    ];
    paths.extend(node.wsdl.as_mut());
    paths.extend(doors.third_party.client_crl.as_mut());
    paths.extend(doors.handset.client_crl.as_mut());
    paths.extend([&mut doors.third_party.second_certificate, &mut doors.third_party.second_key].into_iter().flatten());
    paths.extend([&mut doors.handset.second_certificate, &mut doors.handset.second_key].into_iter().flatten());
    paths.extend(credentials.keys.iter_mut());
    paths
}

fn check(settings: &Settings) -> Result<(), String> {
    let rules = [
        (settings.node.digit <= 9, "node.digit: must be 0 to 9"),
        (
            settings.node.currency.len() == 3 && settings.node.currency.bytes().all(|b| b.is_ascii_uppercase()),
            "node.currency: must be three capital letters, for example \"KES\"",
        ),
        (!settings.credentials.keys.is_empty(), "credentials.keys: name at least one private key"),
        (settings.credentials.failures_max >= 1, "credentials.failures_max: must be at least 1"),
        (
            settings.credentials.source_failures_max >= settings.credentials.failures_max,
            "credentials.source_failures_max: must not be below credentials.failures_max",
        ),
        (
            settings.third_parties.change_password_path.starts_with('/'),
            "third_parties.change_password_path: must begin with a slash",
        ),
        (settings.rates.under_way_max >= 2, "rates.under_way_max: must be at least 2, so that no one has all"),
        (settings.rates.refusals_per_second_max >= 1, "rates.refusals_per_second_max: must be at least 1"),
        (settings.rates.refusals_at_once_max >= 1, "rates.refusals_at_once_max: must be at least 1"),
        (settings.requests.expiry_seconds >= 1, "requests.expiry_seconds: must be at least 1"),
        (settings.requests.waiting_max >= 1, "requests.waiting_max: must be at least 1"),
        (
            settings.store.segment_bytes_max >= settings.store.write_set_bytes_max as u64,
            "store.segment_bytes_max: must not be below store.write_set_bytes_max",
        ),
        (settings.store.waiting_max >= 1, "store.waiting_max: must be at least 1"),
        (
            (100..=60_000).contains(&settings.callbacks.validation_milliseconds_max),
            "callbacks.validation_milliseconds_max: must be 100 to 60000",
        ),
        (settings.callbacks.jitter_percent <= 50, "callbacks.jitter_percent: must be 0 to 50"),
        (
            (CALLBACK_CONNECTIONS_MIN..=limits::CONNECTIONS_MAX).contains(&settings.callbacks.connections_max),
            "callbacks.connections_max: must be 16 to 1000000",
        ),
        (settings.callbacks.endpoint_concurrency_max >= 1, "callbacks.endpoint_concurrency_max: must be at least 1"),
        (
            settings
                .callbacks
                .endpoints
                .values()
                .all(|own| own.concurrency_max != Some(0) && own.per_second_max != Some(0)),
            "callbacks.endpoints: concurrency_max and per_second_max must be at least 1",
        ),
        (settings.callbacks.breaker_failures >= 1, "callbacks.breaker_failures: must be at least 1"),
    ];
    let broken = rules.iter().filter(|(kept, _)| !kept).map(|(_, rule)| (*rule).to_owned());
    let broken: Vec<String> =
        broken.chain(limits::faults(&settings.limits)).chain(doors::faults(&settings.doors)).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Limits, Rates, Requests, SHIPPED, Store, ThirdParties};

    fn shipped() -> Settings {
        parse(SHIPPED, Path::new("/srv/lango")).unwrap()
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let settings = shipped();
        assert_eq!(format!("{:?}", settings.limits), format!("{:?}", Limits::default()));
        assert_eq!(settings.rates, Rates::default());
        assert_eq!(settings.third_parties, ThirdParties::default());
        assert_eq!(format!("{:?}", settings.requests), format!("{:?}", Requests::default()));
        assert_eq!(format!("{:?}", settings.store), format!("{:?}", Store::default()));
        let bare = SHIPPED
            .lines()
            .filter(|line| !line.contains("schedule_seconds") && !line.contains("_max") && !line.starts_with("breaker"))
            .filter(|line| !line.starts_with("source_failures_seconds"))
            .collect::<Vec<_>>()
            .join("\n");
        let bare = parse(&bare, Path::new("/srv/lango")).unwrap();
        assert_eq!(format!("{bare:?}"), format!("{settings:?}"));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        assert_eq!(shipped().node.data, Path::new("/srv/lango/data"));
        assert_eq!(shipped().credentials.keys, [Path::new("/srv/lango/certs/credential.key")]);
    }

    #[test]
    fn a_misspelled_key_is_named_with_its_line() {
        let error = parse(&SHIPPED.replace("jitter_percent = 10", "jitter_percents = 10"), Path::new("/")).unwrap_err();
        assert!(error.contains("jitter_percents") && error.contains("line"), "{error}");
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        let error = parse(&SHIPPED.replace("digit = 0", "digit = 10"), Path::new("/")).unwrap_err();
        assert_eq!(error, "node.digit: must be 0 to 9");
    }
}
