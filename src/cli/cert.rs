//! `lango cert`: the private CA of a deployment. Keys, certificates and the revocation list are files
//! of one folder; the list is the register of what is revoked, and the doors read it by themselves.
//! Everything done is on an audit log.

mod register;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp as Moment;

use register::Register;

use super::deployment::write_private;
use super::{ConfigArgument, files};
use crate::access::authority::{
    Authority, CLIENT_DAYS, CertificateFacts, KeyKind, Order, Purpose, Revocations, SERVER_DAYS,
};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entropy::SystemEntropy;

/// Where clients' certificates are, within the folder.
const CLIENTS: &str = "clients";

/// Arguments of `lango cert`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of certificates; `certs` beside the settings file, if nothing is said
    #[arg(long, global = true, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Which CA of the folder: CA.pem, CA.key and CA.crl
    #[arg(long, global = true, default_value = "ca")]
    ca: String,
    /// Whose audit log records it; without such a file, CA.audit.log of the folder
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a new CA, with an empty revocation list
    Ca {
        /// Its name, for people
        name: String,
    },
    /// Make a key and a certificate for it: a client's, or with --dns or --ip a server's
    Issue {
        /// The name in it, and of its files
        name: String,
        /// A name that the server is called by
        #[arg(long)]
        dns: Vec<String>,
        /// An address that the server is called by
        #[arg(long)]
        ip: Vec<IpAddr>,
        /// Make an RSA key, for programs of before ECDSA
        #[arg(long)]
        rsa: bool,
        /// Days that it is good for: at most 365 for a client, 825 for a server
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(SERVER_DAYS)))]
        days: Option<u32>,
    },
    /// Sign a partner's request (PKCS#10, PEM): only its key is taken over
    Sign {
        /// The request
        request: PathBuf,
        /// The name in the certificate, and of its file
        name: String,
        /// Days that it is good for, at most 365
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENT_DAYS)))]
        days: Option<u32>,
    },
    /// List the certificates of this CA in the folder
    List,
    /// Revoke certificates by their files and write the revocation list anew; with none, only renew it
    Revoke {
        /// The certificates
        certificates: Vec<PathBuf>,
    },
}

/// Runs `lango cert`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { dir, ca, config, action } = arguments;
    let dir = dir.unwrap_or_else(|| config.config.with_file_name("certs"));
    let ca = Ca { dir, name: plain(ca)?, now: SystemClock.now() };
    let own_log = || ca.file("audit.log");
    let register = || Register::find(&config.config, own_log());
    match action {
        Action::Ca { name } => ca.create(&name, register),
        Action::Issue { name, dns, ip, rsa, days } => {
            let dns: Vec<&str> = dns.iter().map(String::as_str).collect();
            let is_client = dns.is_empty() && ip.is_empty();
            let purpose = if is_client { Purpose::Client } else { Purpose::Server { dns_names: &dns, addresses: &ip } };
            let key = if rsa { KeyKind::Rsa } else { KeyKind::Ecdsa };
            ca.issue(&Order { name: &plain(name)?, purpose, key, days }, &register()?)
        }
        Action::Sign { request, name, days } => ca.sign(&request, (&plain(name)?, days), &register()?),
        Action::List => ca.list(),
        Action::Revoke { certificates } => ca.revoke(&certificates, &register()?),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// A CA of a folder.
struct Ca {
    dir: PathBuf,
    name: String,
    now: Timestamp,
}

impl Ca {
    /// `register` is asked for when the folder is there, which may hold the log.
    fn create(&self, name: &str, register: impl FnOnce() -> Result<Register>) -> Result<()> {
        let authority = Authority::create(name, self.now, &SystemEntropy)?;
        fs::create_dir_all(self.dir.join(CLIENTS))
            .with_context(|| format!("{} cannot be made", self.dir.join(CLIENTS).display()))?;
        ensure_free(&self.file("pem"))?;
        let register = register()?;
        write_private(&self.file("key"), &authority.key_pem())?;
        write_new(&self.file("pem"), authority.certificate_pem())?;
        register.record("certificate-authority-made", &[("authority", name)])?;
        println!("{} is the CA's certificate; name it as client_ca.", self.file("pem").display());
        println!("Move {} away from the machine that runs the node.", self.file("key").display());
        self.write_list(&authority, &Revocations::default(), &register)
    }

    fn issue(&self, order: &Order<'_>, register: &Register) -> Result<()> {
        let authority = self.authority()?;
        let (folder, usage) = match order.purpose {
            Purpose::Client => (self.dir.join(CLIENTS), "client"),
            Purpose::Server { .. } => (self.dir.clone(), "server"),
        };
        let certificate = folder.join(format!("{}.pem", order.name));
        ensure_free(&certificate)?;
        let issued = authority.issue(order, self.now, &SystemEntropy)?;
        write_private(&certificate.with_extension("key"), &issued.key_pem)?;
        write_new(&certificate, &issued.certificate_pem)?;
        let facts = authority.facts(&issued.certificate_pem)?;
        self.record(register, "certificate-issued", &facts, usage)?;
        tell(&certificate, &facts, usage == "client");
        Ok(())
    }

    fn sign(&self, request: &Path, name_and_days: (&str, Option<u32>), register: &Register) -> Result<()> {
        let authority = self.authority()?;
        let certificate = self.dir.join(CLIENTS).join(format!("{}.pem", name_and_days.0));
        ensure_free(&certificate)?;
        let signed = authority
            .sign_client(&read(request)?, name_and_days, self.now, &SystemEntropy)
            .with_context(|| request.display().to_string())?;
        write_new(&certificate, &signed)?;
        let facts = authority.facts(&signed)?;
        self.record(register, "certificate-signed", &facts, "client")?;
        tell(&certificate, &facts, true);
        Ok(())
    }

    fn record(&self, register: &Register, event: &str, facts: &CertificateFacts, usage: &str) -> Result<()> {
        let (key, serial) = (facts.fingerprint.to_string(), hex(&facts.serial));
        register.record(
            event,
            &[
                ("authority", &self.name),
                ("subject", &facts.subject),
                ("serial", &serial),
                ("key", &key),
                ("until", &day(facts.until)),
                ("usage", usage),
            ],
        )?;
        println!("It is recorded in {}.", register.place());
        Ok(())
    }

    fn list(&self) -> Result<()> {
        let authority = self.authority()?;
        let revocations = self.revocations(&authority)?;
        for (path, facts) in self.certificates(&authority)? {
            let state = match (revocations.hold(&facts.serial), facts.until <= self.now) {
                (true, _) => "REVOKED",
                (false, true) => "EXPIRED",
                (false, false) => "good",
            };
            println!("{state:<8} until {}  {:<24} {}", day(facts.until), facts.subject, path.display());
            println!("         serial {}  key {}", hex(&facts.serial), facts.fingerprint);
        }
        match revocations.until {
            Some(until) => {
                println!("The revocation list holds {} and is good until {}.", revocations.revoked.len(), day(until))
            }
            None => println!("There is no revocation list; `lango cert revoke` writes one."),
        }
        Ok(())
    }

    fn revoke(&self, certificates: &[PathBuf], register: &Register) -> Result<()> {
        let authority = self.authority()?;
        let mut revocations = self.revocations(&authority)?;
        // All are looked at before one is revoked.
        let facts =
            certificates.iter().map(|path| authority.facts(&read(path)?).with_context(|| path.display().to_string()));
        let facts: Vec<CertificateFacts> = facts.collect::<Result<_>>()?;
        for one in &facts {
            revocations.revoke(&one.serial, self.now);
        }
        self.write_list(&authority, &revocations, register)?;
        for one in &facts {
            println!("revoked: {} serial {}", one.subject, hex(&one.serial));
            self.record(register, "certificate-revoked", one, "revoked")?;
        }
        println!("Name it as client_crl; a node that reads it closes revoked connections within a second.");
        println!("Every CA that signs client certificates needs a list of its own, all in that one file.");
        Ok(())
    }

    fn authority(&self) -> Result<Authority> {
        let (certificate, key) = (self.file("pem"), self.file("key"));
        Authority::load(&read(&certificate)?, &read(&key)?)
            .with_context(|| format!("{} and {}", certificate.display(), key.display()))
    }

    /// What is revoked so far. A list that cannot be read is no empty one.
    fn revocations(&self, authority: &Authority) -> Result<Revocations> {
        let path = self.file("crl");
        if !path.exists() {
            return Ok(Revocations::default());
        }
        authority.revocations(&read(&path)?).with_context(|| path.display().to_string())
    }

    fn write_list(&self, authority: &Authority, revocations: &Revocations, register: &Register) -> Result<()> {
        let (path, text) = (self.file("crl"), authority.revocation_list(revocations, self.now)?);
        files::replace(&path, &text, || true)?;
        let written = authority.revocations(&text)?;
        let until = written.until.map(day).unwrap_or_default();
        let (number, holds) = (written.number.to_string(), written.revoked.len().to_string());
        register.record(
            "certificate-list-written",
            &[("authority", &self.name), ("number", &number), ("revoked", &holds), ("until", &until)],
        )?;
        println!("{} is the revocation list, good until {until}; renew it before that.", path.display());
        Ok(())
    }

    /// The certificates in the folder that this CA signed.
    fn certificates(&self, authority: &Authority) -> Result<Vec<(PathBuf, CertificateFacts)>> {
        let mut found = Vec::new();
        for folder in [self.dir.clone(), self.dir.join(CLIENTS)] {
            for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "pem")
                    && let Ok(facts) = authority.facts(&read(&path)?)
                {
                    found.push((path, facts));
                }
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.name))
    }
}

fn tell(certificate: &Path, facts: &CertificateFacts, is_client: bool) {
    println!("{} is the certificate, good until {}.", certificate.display(), day(facts.until));
    if is_client {
        println!("Its key is {}.", facts.fingerprint);
        println!(
            "A third party's goes on its record: lango party add-key NAME --certificate {}",
            certificate.display()
        );
    }
}

/// A name becomes the name of a file, so it must not lead anywhere.
fn plain(name: String) -> Result<String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(good) {
        bail!("\"{name}\" is no name for a file; write letters, digits, \"-\" and \"_\"");
    }
    Ok(name)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file that anybody may read, and never over another.
fn write_new(path: &Path, text: &str) -> Result<()> {
    ensure_free(path)?;
    files::replace(path, text, || !path.exists())
}

fn ensure_free(path: &Path) -> Result<()> {
    ensure!(!path.exists(), "{} exists; nothing is written over", path.display());
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn day(at: Timestamp) -> String {
    Moment::from_second(at.seconds()).map(|moment| moment.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
