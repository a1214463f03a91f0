//! `lango init`: a deployment for keeps, as files that an operator can read, with the demonstration
//! in it or empty. `lango demo` makes the same in a temporary folder.

mod certificates;
mod demonstration;
mod messages;
mod seed;

pub use certificates::{Keys, PartnerKeys};
pub use demonstration::*;
pub use messages::{Claimed, PayOut, envelope_around};

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Value, value};

use crate::access::whitelist;
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::core::catalogue;
use crate::entropy::{Entropy, SystemEntropy};
use crate::node::Seams;

/// Where the shipped whitelist's demonstration begins.
const DEMONSTRATION_IN_WHITELIST: &str = "# The demonstration's shop.";

/// The name of the demonstration's file in a deployment.
pub const DEMONSTRATION_FILE: &str = "demo.json";

/// Arguments of `lango init`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder to write; it must not exist, or be empty
    dir: PathBuf,
    /// Leave the demonstration's third party, organizations, subscribers and money out
    #[arg(long)]
    empty: bool,
}

/// Where a deployment's doors are to be, if not where the shipped settings have them.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The third parties' door.
    pub third_party: SocketAddr,
    /// The handset door.
    pub handset: SocketAddr,
    /// The metrics door.
    pub metrics: SocketAddr,
    /// The demonstration's receiver of callbacks.
    pub receiver: u16,
}

/// Runs `lango init`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { dir, empty } = arguments;
    let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    if empty {
        write_files(&dir, None, true, &*seams.clock, &*seams.entropy)?;
    } else {
        super::runtime()?.block_on(write_demonstration(&dir, None, &seams))?;
    }
    println!("A deployment is in {}. Its lango.toml says what everything is.", dir.display());
    println!("Check it:  lango check --config {}", dir.join("lango.toml").display());
    println!("Run it:    lango serve --config {}", dir.join("lango.toml").display());
    if !empty {
        println!("Try it:    {} names the demonstration's identities", dir.join(DEMONSTRATION_FILE).display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a deployment with the demonstration in it.
pub async fn write_demonstration(dir: &Path, ports: Option<Ports>, seams: &Seams) -> Result<ReadDemonstration> {
    let keys = write_files(dir, ports, false, &*seams.clock, &*seams.entropy)?;
    let settings = config::load(&dir.join("lango.toml"))?;
    let demonstration = Demonstration::draw(&*seams.entropy, ports.map(|ports| ports.receiver));
    seed::seed(&settings, &demonstration, &keys, seams).await?;
    let file = DemonstrationFile::new(&settings, &demonstration);
    let text = serde_json::to_string_pretty(&file)? + "\n";
    write_private(&dir.join(DEMONSTRATION_FILE), &text)?;
    Ok(ReadDemonstration { file, dir: dir.to_owned() })
}

/// Writes settings, whitelist, catalogue and certificates.
fn write_files(
    dir: &Path,
    ports: Option<Ports>,
    empty: bool,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Keys> {
    make_folder(dir)?;
    write(&dir.join("lango.toml"), &settings_text(ports, empty)?)?;
    write(&dir.join("whitelist.toml"), &whitelist_text(ports, empty)?)?;
    fs::create_dir(dir.join("catalogue"))?;
    for (name, text) in catalogue::SHIPPED {
        write(&dir.join("catalogue").join(name), text)?;
    }
    private_folder(&dir.join("data"))?;
    Keys::make(&dir.join("certs"), empty, clock.now(), entropy)
}

fn make_folder(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()));
    }
    let mut entries = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    ensure!(entries.next().is_none(), "{} is not empty; a deployment is never written over another", dir.display());
    Ok(())
}

/// The shipped settings, with other addresses where they are given.
fn settings_text(ports: Option<Ports>, empty: bool) -> Result<String> {
    let mut settings: DocumentMut = config::SHIPPED.parse()?;
    if let Some(ports) = ports {
        for (door, address) in
            [("third_party", ports.third_party), ("handset", ports.handset), ("metrics", ports.metrics)]
        {
            replace(&mut settings["doors"][door]["listen"], address.to_string())?;
        }
    }
    if empty {
        replace(&mut settings["callbacks"]["special_networks"], Value::Array(Array::new()))?;
    }
    Ok(settings.to_string())
}

/// The shipped whitelist; without the demonstration, or with its receiver on another port.
fn whitelist_text(ports: Option<Ports>, empty: bool) -> Result<String> {
    if empty {
        let Some((reference, _)) = whitelist::SHIPPED.split_once(DEMONSTRATION_IN_WHITELIST) else {
            bail!("the shipped whitelist has no demonstration");
        };
        return Ok(reference.trim_end().to_owned() + "\n");
    }
    let mut list: DocumentMut = whitelist::SHIPPED.parse()?;
    if let Some(ports) = ports {
        let hosts = list["third_party"][demonstration::THIRD_PARTY]["callback_hosts"].as_array_of_tables_mut();
        for host in hosts.into_iter().flat_map(ArrayOfTables::iter_mut) {
            let port: Array = [i64::from(ports.receiver)].into_iter().collect();
            host["ports"] = value(port);
        }
    }
    Ok(list.to_string())
}

/// Replaces a value that is there, keeping the comments around it.
fn replace(item: &mut Item, by: impl Into<Value>) -> Result<()> {
    let Some(old) = item.as_value_mut() else { bail!("the shipped settings lack a key that is to be set") };
    let decor = old.decor().clone();
    *old = by.into();
    *old.decor_mut() = decor;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file that only its owner may read, from the first byte on, and never over another.
pub(in crate::cli) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be made", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))
}

fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path).with_context(|| format!("{} cannot be made", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> Ports {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ports { third_party: at(1), handset: at(2), metrics: at(3), receiver: 4 }
    }

    #[test]
    fn without_other_ports_the_files_are_those_that_are_shipped() {
        assert_eq!(settings_text(None, false).unwrap(), config::SHIPPED);
        assert_eq!(whitelist_text(None, false).unwrap(), whitelist::SHIPPED);
    }

    #[test]
    fn other_ports_change_nothing_else() {
        let text = settings_text(Some(ports()), false).unwrap();
        assert_eq!(text.lines().count(), config::SHIPPED.lines().count());
        let settings = config::parse(&text, Path::new("/")).unwrap();
        assert_eq!(settings.doors.handset.listen.port(), 2);
        let list = crate::access::Whitelist::parse(&whitelist_text(Some(ports()), false).unwrap()).unwrap();
        assert!(list.callback_hosts(demonstration::THIRD_PARTY).iter().all(|host| host.ports == [4]));
    }

    #[test]
    fn an_empty_deployment_lets_nobody_in_and_calls_nothing_special() {
        let list = crate::access::Whitelist::parse(&whitelist_text(None, true).unwrap()).unwrap();
        assert_eq!(list.networks().count(), 0);
        let settings = config::parse(&settings_text(None, true).unwrap(), Path::new("/")).unwrap();
        assert!(settings.callbacks.special_networks.is_empty());
    }
}
