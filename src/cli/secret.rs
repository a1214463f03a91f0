//! Passwords that operators hand to commands: from a file or from standard input, never as an
//! argument, which everybody on the machine could see.

use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::access::{Secret, security_credential};
use crate::config;

/// Where a password comes from.
#[derive(Debug, Args)]
pub(super) struct PasswordArgument {
    /// The file whose first line is the password; without it, the first line of standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArgument {
    /// The password, without the end of its line.
    pub(super) fn read(&self) -> Result<Secret> {
        let line = match &self.password_file {
            Some(path) => first_line_of(path)?,
            None => asked_for()?,
        };
        let password = Secret::new(line.trim_end_matches(['\r', '\n']));
        ensure!(!password.expose().is_empty(), "the password is missing; its line is empty");
        Ok(password)
    }
}

/// In whose name something is done, where that is an operator.
#[derive(Debug, Args)]
pub(super) struct ActingArguments {
    /// In the name of this operator (SHORTCODE/NAME or provider/NAME), whose password is asked for first
    #[arg(long = "as", value_name = "OPERATOR")]
    acting: Option<String>,
    /// The file whose first line is that password; without it, standard input
    #[arg(long, value_name = "FILE", requires = "acting")]
    as_password_file: Option<PathBuf>,
    /// The certificate of the credential key; beside the first key of the settings if left out
    #[arg(long, value_name = "FILE", requires = "acting")]
    credential_certificate: Option<PathBuf>,
}

impl ActingArguments {
    /// The operator and its credential, for a desk; null if it is the provider.
    pub(super) fn read(&self, config: &Path) -> Result<Value> {
        let Some(operator) = &self.acting else { return Ok(Value::Null) };
        let password = PasswordArgument { password_file: self.as_password_file.clone() }.read()?;
        let credential = credential(config, self.credential_certificate.as_deref(), &password)?;
        Ok(json!({ "operator": operator, "credential": credential }))
    }
}

/// A password as third parties send it: encrypted for the key of this certificate, or of the one beside
/// the first key of the settings.
pub(super) fn credential(config: &Path, certificate: Option<&Path>, password: &Secret) -> Result<String> {
    let settings = config::load(config)?;
    let beside = settings.credentials.keys.first().map(|key| key.with_extension("pem"));
    let path = certificate.map(Path::to_owned).or(beside);
    let path = path.context("say where the certificate of the credential key is: --credential-certificate")?;
    let certificate = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(security_credential(password.expose(), &certificate)?)
}

fn first_line_of(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn asked_for() -> Result<String> {
    if io::stdin().is_terminal() {
        eprint!("Password (it is shown while you type; --password-file avoids that): ");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("standard input cannot be read")?;
    Ok(line)
}
