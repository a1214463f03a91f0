//! `lango whitelist`: looks into the whitelist's file and edits it. A running node takes a saved file
//! up by itself.

use std::fs;
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};

use super::{ConfigArgument, audit, files};
use crate::access::whitelist::{changes, edit};
use crate::access::{NamedNetwork, NetworkKind, Whitelist};
use crate::clock::{Clock, SystemClock, Timestamp, Zone};
use crate::config::{self, Settings};
use crate::core::catalogue::NetworkNeed;
use crate::node;

/// Arguments of `lango whitelist`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every network and callback host, with its line in the file
    Show {
        /// Only this third party's
        #[arg(long)]
        party: Option<String>,
    },
    /// Say which line lets an address in, or why none does; exit code 1: it is refused
    Test(Question),
    /// Add a network after the third party's others
    Add(Addition),
    /// Remove a network
    Remove {
        /// Whose
        third_party: String,
        /// Its name in the file
        name: String,
    },
    /// Let callbacks go to a host, after the third party's others
    AddHost(HostAddition),
    /// Let callbacks go to a host no longer
    RemoveHost {
        /// Whose
        third_party: String,
        /// The host, as the file has it
        host: String,
    },
}

#[derive(Debug, Args)]
struct Question {
    /// Where the caller comes from
    address: IpAddr,
    /// As which third party; without it, as any
    #[arg(long)]
    party: Option<String>,
    /// To ask for this command
    #[arg(long)]
    command: Option<String>,
}

#[derive(Debug, Args)]
struct Addition {
    /// Whose
    third_party: String,
    /// A name of your choice
    name: String,
    /// The addresses, as 192.0.2.0/24 or 2001:db8::/48
    network: String,
    /// How they reach the node
    #[arg(long, value_parser = ["vpn", "internet"])]
    kind: String,
    /// For people: whose network, which ticket
    #[arg(long)]
    comment: Option<String>,
    /// The last day on which it is in force
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<String>,
}

#[derive(Debug, Args)]
struct HostAddition {
    /// Whose
    third_party: String,
    /// A name, exactly as URLs have it; or a network, for URLs that name an address
    host: String,
    /// A port on it; may be said several times
    #[arg(long = "port", required = true, value_name = "PORT")]
    ports: Vec<u16>,
    /// For people: what is there, which ticket
    #[arg(long)]
    comment: Option<String>,
}

/// Runs `lango whitelist`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let settings = config::load(&arguments.config.config)?;
    match arguments.action {
        Action::Show { party } => show(&read(&settings)?.1, party.as_deref()),
        Action::Test(question) => test(&settings, &question),
        Action::Add(addition) => change(&settings, |text| {
            edit::add(
                text,
                &edit::NewNetwork {
                    third_party: &addition.third_party,
                    name: &addition.name,
                    network: &addition.network,
                    kind: if addition.kind == "vpn" { NetworkKind::Vpn } else { NetworkKind::Internet },
                    comment: addition.comment.as_deref(),
                    expires: addition.expires.as_deref(),
                },
            )
        }),
        Action::Remove { third_party, name } => change(&settings, |text| edit::remove(text, &third_party, &name)),
        Action::AddHost(HostAddition { third_party, host, ports, comment }) => change(&settings, |text| {
            let comment = comment.as_deref();
            edit::add_host(text, &edit::NewHost { third_party: &third_party, host: &host, ports: &ports, comment })
        }),
        Action::RemoveHost { third_party, host } => {
            change(&settings, |text| edit::remove_host(text, &third_party, &host))
        }
    }
}

fn read(settings: &Settings) -> Result<(String, Whitelist)> {
    let path = &settings.node.whitelist;
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let list = Whitelist::parse(&text)
        .map_err(|error| anyhow!("{}: {error}; a node keeps the list that it has", path.display()))?;
    Ok((text, list))
}

fn show(list: &Whitelist, party: Option<&str>) -> Result<ExitCode> {
    let now = SystemClock.now();
    let wanted = |name: &str| party.is_none_or(|party| party == name);
    for (name, network) in list.networks().filter(|(name, _)| wanted(name)) {
        let past = if in_force(network, now) { "" } else { "  EXPIRED" };
        println!("line {:<5} {name:<20} {:<20} {network}{past}", network.line, network.name);
    }
    for (name, host) in list.all_callback_hosts().filter(|(name, _)| wanted(name)) {
        let comment = host.comment.as_ref().map(|comment| format!(" ({comment})")).unwrap_or_default();
        println!("line {:<5} {name:<20} callbacks to {host}{comment}", host.line);
    }
    let overlaps = list.overlaps();
    if overlaps.count > 0 {
        println!("{} overlaps between third parties; the certificate decides:", overlaps.count);
        overlaps.first.iter().for_each(|overlap| println!("           {overlap}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn test(settings: &Settings, question: &Question) -> Result<ExitCode> {
    let (_, list) = read(settings)?;
    let need = match &question.command {
        Some(command) => need(settings, command)?,
        None => NetworkKind::Internet,
    };
    let verdict = judge(&list, question, need, SystemClock.now());
    match &verdict {
        Ok(lines) => lines.iter().for_each(|line| println!("let in: {line}")),
        Err(reason) => println!("refused: {reason}"),
    }
    Ok(if verdict.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the catalogue says of a command that a third party may start.
fn need(settings: &Settings, command: &str) -> Result<NetworkKind> {
    let catalogue = node::catalogue(&settings.node.catalogue)
        .map_err(|faults| anyhow!("the catalogue has faults: {}", faults.join("; ")))?;
    let today = Zone::named(&settings.node.zone)?.day(SystemClock.now());
    let catalogue = &catalogue.on(Some(today)).catalogue;
    let service = catalogue.command(command).with_context(|| format!("the catalogue has no command \"{command}\""))?;
    match service.network {
        Some(NetworkNeed::Vpn) => Ok(NetworkKind::Vpn),
        Some(NetworkNeed::Internet) => Ok(NetworkKind::Internet),
        None => bail!("\"{command}\" is nothing that a third party starts"),
    }
}

/// The lines that let the caller in, or why none does: in the order of the door's checks.
fn judge(list: &Whitelist, question: &Question, need: NetworkKind, now: Timestamp) -> Result<Vec<String>, String> {
    let told = |(party, network): &(&str, &NamedNetwork)| {
        format!("line {}, {party}'s \"{}\": {network}", network.line, network.name)
    };
    let address = question.address.to_canonical();
    let holding: Vec<_> = list.holding(address).collect();
    let (good, expired): (Vec<_>, Vec<_>) = holding.into_iter().partition(|(_, network)| in_force(network, now));
    if let (true, Some(line)) = (good.is_empty(), expired.first()) {
        return Err(format!("{} is over; the connection is closed before the TLS handshake", told(line)));
    }
    if good.is_empty() {
        return Err(format!("{address} is in no network; the connection is closed before the TLS handshake"));
    }
    let party = question.party.as_deref();
    let own: Vec<_> = good.iter().filter(|(name, _)| party.is_none_or(|party| party == *name)).collect();
    if own.is_empty() {
        let [others, party] = [told_all(&good, told), party.unwrap_or_default().to_owned()];
        let past = expired.iter().find(|(name, _)| *name == party).map(told);
        let past = past.map(|line| format!(" ({line} is over)")).unwrap_or_default();
        return Err(format!(
            "{address} gets as far as the TLS handshake by {others}, but it is not {party}'s{past}: \
             a request that says it is {party}'s is not authenticated (100000007)"
        ));
    }
    let enough: Vec<String> =
        own.iter().filter(|(_, network)| network.kind.suffices_for(need)).map(|line| told(line)).collect();
    if enough.is_empty() {
        let lines = own.iter().map(|line| told(line)).collect::<Vec<_>>().join("; ");
        return Err(format!("{lines}, but the command must come through the VPN (100000007)"));
    }
    Ok(enough)
}

fn told_all(lines: &[(&str, &NamedNetwork)], told: impl Fn(&(&str, &NamedNetwork)) -> String) -> String {
    lines.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn in_force(network: &NamedNetwork, now: Timestamp) -> bool {
    network.until.is_none_or(|until| now < until)
}

/// Edits the file. The change is recorded by the node that runs, or here if none does.
fn change(settings: &Settings, edit: impl FnOnce(&str) -> Result<edit::Edited, edit::EditError>) -> Result<ExitCode> {
    // The file itself, not a link to it, is what is replaced.
    let path = fs::canonicalize(&settings.node.whitelist)
        .with_context(|| format!("{} cannot be read", settings.node.whitelist.display()))?;
    let audit = audit::unless_a_node_has_it(settings)?;
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let edited = edit(&text).with_context(|| format!("{} stays as it is", path.display()))?;
    let untouched = || fs::read_to_string(&path).is_ok_and(|now| now == text);
    files::replace(&path, &edited.text, untouched)?;
    if let Some(audit) = &audit {
        changes::record(std::slice::from_ref(&edited.change), audit);
        audit.sync().context("the audit log could not be synced")?;
    }
    let change = &edited.change;
    let [before, after] = [&change.before, &change.after].map(|entry| entry.as_deref().unwrap_or("none"));
    println!("{} \"{}\": {before} -> {after}", change.third_party, change.entry);
    warn_of_overlaps(&edited);
    match audit {
        Some(_) => println!("No node runs on this deployment; the change is recorded."),
        None => println!("The running node takes it up within two seconds and records it."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Two third parties may share addresses; whoever adds such a line should know.
fn warn_of_overlaps(edited: &edit::Edited) {
    let list = &edited.whitelist;
    let new = list.networks().find(|(party, network)| {
        edited.change.after.is_some() && *party == edited.change.third_party && network.name == edited.change.entry
    });
    let Some((owner, new)) = new else { return };
    let shared = |one: &NamedNetwork| one.network.contains(&new.network) || new.network.contains(&one.network);
    for (party, network) in list.networks().filter(|(party, network)| *party != owner && shared(network)) {
        println!(
            "It overlaps line {}, {party}'s \"{}\": {network}; the certificate decides.",
            network.line, network.name
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000); // 2027-01-15

    const LIST: &str = "[third_party.duka.networks]\n\
        tunnel = { network = \"10.66.49.0/24\", kind = \"vpn\" }\n\
        office = { network = \"203.0.113.0/28\", kind = \"internet\" }\n\
        old = { network = \"198.51.100.0/24\", kind = \"vpn\", expires = 2026-12-31 }\n\
        [third_party.soko.networks]\n\
        all = { network = \"198.51.0.0/16\", kind = \"vpn\" }\n";

    fn verdict(address: &str, party: Option<&str>, need: NetworkKind) -> Result<Vec<String>, String> {
        let list = Whitelist::parse(LIST).unwrap();
        let question = Question { address: address.parse().unwrap(), party: party.map(str::to_owned), command: None };
        judge(&list, &question, need, NOW)
    }

    #[test]
    fn the_line_that_lets_in_is_named() {
        assert_eq!(
            verdict("10.66.49.20", None, NetworkKind::Vpn),
            Ok(vec!["line 2, duka's \"tunnel\": 10.66.49.0/24 vpn".into()])
        );
        assert!(verdict("::ffff:10.66.49.20", Some("duka"), NetworkKind::Vpn).is_ok());
        assert!(verdict("203.0.113.1", Some("duka"), NetworkKind::Internet).is_ok());
    }

    #[test]
    fn each_way_to_be_refused_has_its_own_reason() {
        let reason = |address, party, need| verdict(address, party, need).unwrap_err();
        assert!(reason("192.0.2.1", None, NetworkKind::Internet).contains("in no network"));
        assert!(reason("203.0.113.1", Some("duka"), NetworkKind::Vpn).contains("through the VPN"));
        assert!(reason("10.66.49.20", Some("soko"), NetworkKind::Vpn).contains("line 2, duka's"));
        let over = reason("198.51.100.1", Some("duka"), NetworkKind::Vpn);
        assert!(
            over.contains("line 6, soko's") && over.contains("line 4, duka's") && over.contains("is over"),
            "{over}"
        );
    }

    /// What this command says of an address is what the door does.
    #[test]
    fn the_verdict_is_the_doors() {
        let list = Whitelist::parse(LIST).unwrap();
        for address in ["10.66.49.20", "203.0.113.1", "198.51.100.1", "198.51.7.1", "192.0.2.1", "2001:db8::1"] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(verdict(address, None, NetworkKind::Internet).is_ok(), list.admits(ip, NOW), "{address}");
            for (party, need) in ["duka", "soko"]
                .into_iter()
                .flat_map(|party| [NetworkKind::Vpn, NetworkKind::Internet].map(|need| (party, need)))
            {
                let door = list.network(party, ip, NOW).is_some_and(|kind| kind.suffices_for(need));
                assert_eq!(verdict(address, Some(party), need).is_ok(), door, "{address} {party} {need}");
            }
        }
    }
}
