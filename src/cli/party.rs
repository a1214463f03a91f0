//! `lango party`: the third parties of a running node, their keys and passwords.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, joined, list, print_json, sheet, table, text, yes_or_no};
use super::secret::PasswordArgument;
use crate::access::{KeyFingerprint, fingerprint, valid_until};
use crate::clock::Timestamp;

/// Arguments of `lango party`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List third parties
    List,
    /// Show one third party
    Show(Which),
    /// Add a third party; it comes in once it has a key, a password and a place in the whitelist
    Add {
        #[command(flatten)]
        which: Which,
        /// The spId of its requests
        #[arg(long)]
        sp_id: String,
        #[command(flatten)]
        change: Box<Wishes>,
    },
    /// Change a third party; what is not named stays
    Change {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Box<Wishes>,
    },
    /// Set a third party's password
    Password {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        password: PasswordArgument,
    },
    /// Give a third party the key with which its changePassword sends a new password; made by the node
    /// and printed once, unless --agreed says which
    ChangeKey {
        #[command(flatten)]
        which: Which,
        /// A file with a key (16, 24 or 32 characters) and a start vector (16) that were agreed before, a line each
        #[arg(long, value_name = "FILE", conflicts_with = "remove")]
        agreed: Option<PathBuf>,
        /// Take it away: the third party cannot change its password by itself any more
        #[arg(long)]
        remove: bool,
    },
    /// Put the key of a client certificate on a third party's record
    AddKey(NewKey),
    /// Take a key off a third party's record; its connections are closed
    RemoveKey {
        #[command(flatten)]
        which: Which,
        /// The key's fingerprint
        fingerprint: KeyFingerprint,
    },
    /// Remove a third party for good: nobody gets its name again. To shut it out for a while: change --enabled false
    Remove(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Its name, as in the whitelist
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct Wishes {
    /// Whether it is served
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// How its header proves who it is: "SPID&Password", "SPID&IP&Password" or "SPID&IP"
    #[arg(long)]
    mode: Option<String>,
    /// An organization more that it acts for
    #[arg(long, value_name = "SHORTCODE")]
    add_shortcode: Vec<String>,
    /// An organization less
    #[arg(long, value_name = "SHORTCODE")]
    remove_shortcode: Vec<String>,
    /// A serviceId more that it may name
    #[arg(long, value_name = "ID")]
    add_service_id: Vec<String>,
    /// A serviceId less
    #[arg(long, value_name = "ID")]
    remove_service_id: Vec<String>,
    /// Where results go if a request does not say, or none
    #[arg(long, value_name = "URL|none")]
    result_url: Option<String>,
    /// Where timeouts are notified if a request does not say, or none
    #[arg(long, value_name = "URL|none")]
    timeout_url: Option<String>,
    /// Requests that it may make in a second, or none for as many as it likes
    #[arg(long, value_name = "N|none")]
    rate: Option<String>,
    /// Whether an spPassword of the raw digest is accepted, too
    #[arg(long, value_name = "true|false")]
    raw_digest: Option<bool>,
    /// Whether it may come by the plain door
    #[arg(long, value_name = "true|false")]
    plain_requests: Option<bool>,
    /// Whether its callbacks may go over plain HTTP
    #[arg(long, value_name = "true|false")]
    plain_callbacks: Option<bool>,
    /// The authority (PEM) that alone vouches for its servers, or none for those of the settings
    #[arg(long, value_name = "FILE|none")]
    callback_ca: Option<PathBuf>,
    /// Seconds by which the timeStamp of a request may differ from our time, or none if it may be any text
    #[arg(long, value_name = "N|none")]
    time_stamp_seconds: Option<String>,
    /// Minutes by which the times that it writes are ahead of UTC, e.g. 180
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    time_stamp_ahead_minutes: Option<i16>,
    /// Whether a timeStamp counts once; needs --time-stamp-seconds
    #[arg(long, value_name = "true|false")]
    time_stamp_once: Option<bool>,
    /// Whether an OriginatorConversationID that it used is 15 even for the same request once more
    #[arg(long, value_name = "true|false")]
    refuse_repeats: Option<bool>,
    /// Whether its documents get no tolerance but those that are switched on
    #[arg(long, value_name = "true|false")]
    strict: Option<bool>,
    /// All tolerances that are switched on for it, separated by commas; "" for none
    #[arg(long, value_name = "NAMES")]
    tolerances_on: Option<String>,
    /// All tolerances that are switched off for it, separated by commas; "" for none
    #[arg(long, value_name = "NAMES")]
    tolerances_off: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct NewKey {
    #[command(flatten)]
    which: Which,
    /// The client certificate (PEM); only its key and its last day count
    #[arg(long, value_name = "FILE", required_unless_present = "fingerprint")]
    certificate: Option<PathBuf>,
    /// The key's fingerprint, where the certificate is not at hand
    #[arg(long, conflicts_with = "certificate", requires = "until")]
    fingerprint: Option<KeyFingerprint>,
    /// From when on it counts: 2026-12-01, or with a time; now if left out
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when; as long as the certificate if left out
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Runs `lango party`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let (name, wanted) = match arguments.command {
        Command::List => ("party.list", Value::Null),
        Command::Show(Which { name }) => ("party.show", json!({ "name": name })),
        Command::Add { which, sp_id, change } => {
            ("party.add", json!({ "name": which.name, "sp_id": sp_id, "change": wishes(&change)? }))
        }
        Command::Change { which, change } => {
            ("party.change", json!({ "name": which.name, "change": wishes(&change)? }))
        }
        Command::Password { which, password } => {
            ("party.password", json!({ "name": which.name, "password": password.read()?.expose() }))
        }
        Command::ChangeKey { which, remove: true, .. } => ("party.change-key-remove", json!({ "name": which.name })),
        Command::ChangeKey { which, agreed, .. } => (
            "party.change-key",
            json!({ "name": which.name, "agreed": agreed.as_deref().map(agreed_key).transpose()? }),
        ),
        Command::AddKey(new) => ("party.key-add", key(&desk, &new)?),
        Command::RemoveKey { which, fingerprint } => {
            ("party.key-remove", json!({ "name": which.name, "fingerprint": fingerprint }))
        }
        Command::Remove(Which { name }) => ("party.remove", json!({ "name": name })),
    };
    let answer = desk.ask(name, wanted)?;
    match name {
        _ if arguments.json => print_json(&answer)?,
        "party.list" => print!("{}", listed(&answer)),
        "party.change-key" => print!("{}", change_key(&answer)),
        "party.remove" => println!("{} is removed", text(&answer, "removed")),
        _ => print!("{}", shown(&desk, &answer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn wishes(change: &Wishes) -> Result<Value> {
    let authority = match change.callback_ca.as_deref() {
        Some(path) if path != Path::new("none") => {
            Some(fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?)
        }
        none => none.map(|_| "none".to_owned()),
    };
    Ok(json!({
        "enabled": change.enabled,
        "mode": change.mode,
        "add_shortcodes": change.add_shortcode,
        "remove_shortcodes": change.remove_shortcode,
        "add_service_ids": change.add_service_id,
        "remove_service_ids": change.remove_service_id,
        "result_url": change.result_url,
        "timeout_url": change.timeout_url,
        "rate": change.rate,
        "raw_digest": change.raw_digest,
        "plain_requests": change.plain_requests,
        "plain_callbacks": change.plain_callbacks,
        "callback_authority": authority,
        "time_stamp_seconds": change.time_stamp_seconds,
        "time_stamp_ahead_minutes": change.time_stamp_ahead_minutes,
        "time_stamp_once": change.time_stamp_once,
        "refuse_repeats": change.refuse_repeats,
        "strict": change.strict,
        "tolerances_on": names(change.tolerances_on.as_deref()),
        "tolerances_off": names(change.tolerances_off.as_deref()),
    }))
}

fn names(text: Option<&str>) -> Option<Vec<&str>> {
    text.map(|text| text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect())
}

fn key(desk: &Desk, new: &NewKey) -> Result<Value> {
    let moment = |text: &Option<String>| text.as_deref().map(|text| desk.moment(text)).transpose();
    let (fingerprint, last) = match (&new.certificate, new.fingerprint) {
        (Some(path), _) => of_certificate(path).map(|(fingerprint, last)| (fingerprint, Some(last)))?,
        (None, Some(fingerprint)) => (fingerprint, None),
        (None, None) => bail!("say which key: --certificate or --fingerprint"),
    };
    let until = moment(&new.until)?.or(last).context("say until when the key counts: --until")?;
    Ok(json!({ "name": new.which.name, "fingerprint": fingerprint, "from": moment(&new.from)?, "until": until }))
}

/// The key of a client certificate, and the last moment at which that is valid.
pub(super) fn of_certificate(path: &Path) -> Result<(KeyFingerprint, Timestamp)> {
    let pem = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let certificate =
        CertificateDer::from_pem_slice(&pem).with_context(|| format!("{} is no certificate (PEM)", path.display()))?;
    Ok((fingerprint(&certificate)?, valid_until(&certificate)?))
}

/// Key and start vector from the first two lines of a file.
fn agreed_key(path: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(key), Some(vector)) => Ok((key.to_owned(), vector.to_owned())),
        _ => bail!("{} must have a key and a start vector, a line each", path.display()),
    }
}

fn change_key(answer: &Value) -> String {
    let name = text(answer, "name");
    if answer.get("key").is_none() {
        return format!("{name} sends new passwords with the key that was agreed\n");
    }
    let (key, vector) = (text(answer, "key"), text(answer, "vector"));
    format!("for {name}, shown this once:\nkey     {key}\nvector  {vector}\n")
}

fn listed(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "parties")
        .iter()
        .map(|one| {
            let keys = list(one, "keys").len().to_string();
            let of = |key: &str| text(one, key);
            [
                of("name"),
                of("sp_id"),
                yes_or_no(one, "enabled"),
                of("mode"),
                of("password"),
                keys,
                joined(one, "shortcodes"),
            ]
        })
        .collect();
    table(["NAME", "SPID", "ENABLED", "MODE", "PASSWORD", "KEYS", "SHORTCODES"], &rows)
}

fn shown(desk: &Desk, one: &Value) -> String {
    let of = |key: &str| text(one, key);
    let mut lines = vec![
        ("name", of("name")),
        ("spId", of("sp_id")),
        ("enabled", yes_or_no(one, "enabled")),
        ("mode", of("mode")),
        ("password", of("password")),
        ("changes it itself", yes_or_no(one, "changes_password")),
        ("serviceIds", joined(one, "service_ids")),
        ("shortcodes", joined(one, "shortcodes")),
        ("results to", of("result_url")),
        ("timeouts to", of("timeout_url")),
        ("rate", of("rate")),
        ("raw digest", yes_or_no(one, "raw_digest")),
        ("plain requests", yes_or_no(one, "plain_requests")),
        ("plain callbacks", yes_or_no(one, "plain_callbacks")),
        (
            "its own CA",
            if one.get("callback_authority").is_some_and(Value::is_string) { "pinned" } else { "no" }.into(),
        ),
        ("timeStamp within", of("time_stamp_seconds")),
        ("timeStamp ahead", of("time_stamp_ahead_minutes")),
        ("timeStamp once", yes_or_no(one, "time_stamp_once")),
        ("repeats are 15", yes_or_no(one, "refuses_repeats")),
        ("strict", yes_or_no(one, "strict")),
        ("tolerances on", joined(one, "tolerances_on")),
        ("tolerances off", joined(one, "tolerances_off")),
    ];
    for key in list(one, "keys") {
        let at = |field: &str| key.get(field).map_or_else(String::new, |at| desk.time(at));
        lines.push(("key", format!("{} from {} until {}", text(key, "fingerprint"), at("from"), at("until"))));
    }
    sheet(&lines)
}
