//! The commands: arguments in, words out, an exit code at the end. Knows no wire formats beyond what
//! a third party's program would.
//!
//! Exit codes: 0 done, 1 it failed, 64 what was asked for makes no sense (`EX_USAGE`).

mod approval;
mod audit;
mod callback;
mod catalogue;
mod cert;
mod check;
pub mod demo;
pub mod deployment;
mod desk;
mod explain;
mod files;
mod ledger;
mod maintenance;
mod operator;
mod organization;
mod party;
mod pay;
mod receive;
pub mod receiver;
mod reload;
mod role;
mod secret;
mod serve;
pub mod soap_client;
mod status;
mod store;
mod style;
mod subscriber;
mod trace;
mod url;
mod url_key;
mod whitelist;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What was asked for makes no sense (sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Lango: the broker gateway of a mobile-money system.
#[derive(Debug, Parser)]
#[command(name = "lango", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a deployment in a temporary folder, run it, play payments and refusals, and check all of it
    Demo(demo::Arguments),
    /// Write a new deployment: settings, whitelist, catalogue, certificates, data
    Init(deployment::Arguments),
    /// Run the node until SIGTERM or SIGINT
    Serve(ConfigArgument),
    /// Check settings, catalogue, whitelist, certificates and WSDL without starting
    Check(ConfigArgument),
    /// Send a subscriber's payment through the handset door
    Pay(pay::Arguments),
    /// Receive callbacks as a third party's server would, and print them
    Receive(receive::Arguments),
    /// Show how the running node is
    Status(status::Arguments),
    /// Have the running node read whitelist, catalogue, certificates, CAs and revocation lists again
    Reload(reload::Arguments),
    /// Say of a third party's request how each gate stands to it; nothing comes of it
    Explain(explain::Arguments),
    /// Show, test and edit who may come in
    Whitelist(whitelist::Arguments),
    /// What waits for the provider's approval: list, approve, refuse
    Approval(approval::Arguments),
    /// The catalogue: check its files, compare them with what runs, put them in force
    Catalogue(catalogue::Arguments),
    /// Third parties: list, show, add, change; their passwords and keys
    Party(party::Arguments),
    /// Organizations: list, show, add, change
    Org(organization::Arguments),
    /// Operators: list, show, add, change; passwords and locks
    Operator(operator::Arguments),
    /// Roles: list, show, grant, revoke
    Role(role::Arguments),
    /// Subscribers: list, show, add, change
    Subscriber(subscriber::Arguments),
    /// Balances, statements and the check of all books; money that was paid in; frozen accounts
    Ledger(ledger::Arguments),
    /// Make a private CA, sign certificates with it and revoke them
    Cert(cert::Arguments),
    /// Check that the audit log is as it was written
    Audit(audit::Arguments),
    /// Callbacks: what is pending, delivered or dead; show one; send it once more
    Callback(callback::Arguments),
    /// Everything that went over the wire for one conversation, with times
    Trace(trace::Arguments),
    /// An organization's validation and confirmation URLs: show, set, history, ping
    Url(url::Arguments),
    /// In which form an organization or third party gets results and payments: show, set
    Style(style::Arguments),
    /// Keep requests instead of deciding them, while the core is worked on
    Maintenance(maintenance::Arguments),
    /// Check, copy, put back and rebuild what the node has committed
    Store(store::Arguments),
}

/// Which deployment a command is about.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgument {
    /// The settings file
    #[arg(long, global = true, value_name = "FILE", default_value = "lango.toml")]
    config: PathBuf,
}

impl Cli {
    /// Runs the command that the process's arguments name.
    pub fn main() -> ExitCode {
        let cli = match Cli::try_parse() {
            Ok(cli) => cli,
            Err(error) => {
                // Printing the usage to a closed terminal helps nobody.
                let _ = error.print();
                return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
            }
        };
        match cli.run() {
            Ok(code) => code,
            Err(error) => {
                eprintln!("lango: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Demo(arguments) => demo::run(arguments),
            Command::Init(arguments) => deployment::run(arguments),
            Command::Serve(config) => serve::run(&config.config),
            Command::Check(config) => check::run(&config.config),
            Command::Pay(arguments) => pay::run(arguments),
            Command::Receive(arguments) => receive::run(&arguments),
            Command::Status(arguments) => status::run(&arguments),
            Command::Reload(arguments) => reload::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Whitelist(arguments) => whitelist::run(arguments),
            Command::Approval(arguments) => approval::run(arguments),
            Command::Catalogue(arguments) => catalogue::run(&arguments),
            Command::Party(arguments) => party::run(arguments),
            Command::Org(arguments) => organization::run(arguments),
            Command::Operator(arguments) => operator::run(arguments),
            Command::Role(arguments) => role::run(arguments),
            Command::Subscriber(arguments) => subscriber::run(arguments),
            Command::Ledger(arguments) => ledger::run(arguments),
            Command::Cert(arguments) => cert::run(arguments),
            Command::Audit(arguments) => audit::run(arguments),
            Command::Callback(arguments) => callback::run(arguments),
            Command::Trace(arguments) => trace::run(&arguments),
            Command::Url(arguments) => url::run(arguments),
            Command::Style(arguments) => style::run(&arguments),
            Command::Maintenance(arguments) => maintenance::run(&arguments),
            Command::Store(arguments) => store::run(arguments),
        }
    }
}

/// The runtime of commands that talk to others.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
