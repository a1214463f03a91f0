//! `lango cert`: the private CA of a deployment. Keys, certificates and the revocation list are files
//! of one folder; the list is the register of what is revoked, and the doors read it by themselves.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp as Moment;

use super::deployment::write_private;
use super::files;
use crate::access::authority::{Authority, CertificateFacts, Revocations};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entropy::SystemEntropy;

/// Where clients' certificates are, within the folder.
const CLIENTS: &str = "clients";

/// Arguments of `lango cert`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of certificates
    #[arg(long, global = true, value_name = "FOLDER", default_value = "certs")]
    dir: PathBuf,
    /// Which CA of the folder: CA.pem, CA.key and CA.crl
    #[arg(long, global = true, default_value = "ca")]
    ca: String,
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
    },
    /// Sign a partner's request (PKCS#10, PEM): only its key is taken over
    Sign {
        /// The request
        request: PathBuf,
        /// The name in the certificate, and of its file
        name: String,
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
    let Arguments { dir, ca, action } = arguments;
    let ca = Ca { dir, name: plain(ca)?, now: SystemClock.now() };
    match action {
        Action::Ca { name } => ca.create(&name),
        Action::Issue { name, dns, ip } => ca.issue(&plain(name)?, &dns, &ip),
        Action::Sign { request, name } => ca.sign(&request, &plain(name)?),
        Action::List => ca.list(),
        Action::Revoke { certificates } => ca.revoke(&certificates),
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
    fn create(&self, name: &str) -> Result<()> {
        let authority = Authority::create(name, self.now, &SystemEntropy)?;
        fs::create_dir_all(self.dir.join(CLIENTS))
            .with_context(|| format!("{} cannot be made", self.dir.join(CLIENTS).display()))?;
        write_private(&self.file("key"), &authority.key_pem())?;
        write_new(&self.file("pem"), authority.certificate_pem())?;
        self.write_list(&authority, &Revocations::default())?;
        println!("{} is the CA's certificate; name it as client_ca.", self.file("pem").display());
        println!("Move {} away from the machine that runs the node.", self.file("key").display());
        Ok(())
    }

    fn issue(&self, name: &str, dns: &[String], addresses: &[IpAddr]) -> Result<()> {
        let authority = self.authority()?;
        let is_client = dns.is_empty() && addresses.is_empty();
        let dns: Vec<&str> = dns.iter().map(String::as_str).collect();
        let (folder, issued) = if is_client {
            (self.dir.join(CLIENTS), authority.issue_client(name, self.now, &SystemEntropy)?)
        } else {
            (self.dir.clone(), authority.issue_server(name, &dns, addresses, self.now, &SystemEntropy)?)
        };
        let certificate = folder.join(format!("{name}.pem"));
        ensure!(!certificate.exists(), "{} exists; nothing is written over", certificate.display());
        write_private(&certificate.with_extension("key"), &issued.key_pem)?;
        write_new(&certificate, &issued.certificate_pem)?;
        tell(&certificate, &authority.facts(&issued.certificate_pem)?, is_client);
        Ok(())
    }

    fn sign(&self, request: &Path, name: &str) -> Result<()> {
        let authority = self.authority()?;
        let signed = authority
            .sign_client(&read(request)?, name, self.now, &SystemEntropy)
            .with_context(|| request.display().to_string())?;
        let certificate = self.dir.join(CLIENTS).join(format!("{name}.pem"));
        write_new(&certificate, &signed)?;
        tell(&certificate, &authority.facts(&signed)?, true);
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

    fn revoke(&self, certificates: &[PathBuf]) -> Result<()> {
        let authority = self.authority()?;
        let mut revocations = self.revocations(&authority)?;
        for path in certificates {
            let facts = authority.facts(&read(path)?).with_context(|| path.display().to_string())?;
            revocations.revoke(&facts.serial, self.now);
            println!("revoked: {} serial {}", facts.subject, hex(&facts.serial));
        }
        self.write_list(&authority, &revocations)?;
        println!("Name it as client_crl; a node that reads it closes revoked connections within about a second.");
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

    fn write_list(&self, authority: &Authority, revocations: &Revocations) -> Result<()> {
        let (path, text) = (self.file("crl"), authority.revocation_list(revocations, self.now)?);
        files::replace(&path, &text, || true)?;
        let written = authority.revocations(&text)?;
        let until = written.until.map(day).unwrap_or_default();
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
        println!("Put its key on the third party's record: {}", facts.fingerprint);
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
    ensure!(!path.exists(), "{} exists; nothing is written over", path.display());
    files::replace(path, text, || !path.exists())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn day(at: Timestamp) -> String {
    Moment::from_second(at.seconds()).map(|moment| moment.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
