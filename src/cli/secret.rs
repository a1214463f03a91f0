//! Passwords that operators hand to commands: from a file or from standard input, never as an
//! argument, which everybody on the machine could see.

use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::access::Secret;

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
