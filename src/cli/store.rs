//! `lango store`: checking, copying and putting back what the node has committed. All but `rebuild`
//! and `restore` work beside a running node, since they only read its journal.

use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{self, Desk};
use crate::clock::Timestamp;
use crate::config;
use crate::node;
use crate::store::embedded::{self, Archived, BackedUp, Progress, Standing, Until, Verified};

/// Arguments of `lango store`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check every record of the journal and the chain of their hashes; the node may run
    Verify {
        /// Also compare with a backup: an older copy that was put back lacks what the backup has
        #[arg(long, value_name = "DIR")]
        against: Option<PathBuf>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Make the index anew from the journal; the node must be stopped
    Rebuild,
    /// Copy the journal, checked on the way, into a new folder, or what came since into a backup; the node may run
    Backup {
        /// A new folder, or a backup of this store, which then goes on from where it ends
        dir: PathBuf,
    },
    /// Remove old journal files that a backup holds and the index needs no more; the node may run
    Archive {
        /// The backup, which is checked from its first record on
        dir: PathBuf,
        /// Also compress the backup's files, all but the newest
        #[arg(long)]
        compress: bool,
    },
    /// Put a backup into a deployment that has no store yet
    Restore {
        /// The backup
        dir: PathBuf,
        /// The last record to take: the store as it was right after this commit
        #[arg(long, value_name = "SEQUENCE")]
        until: Option<u64>,
        /// Take what was committed up to then: 90m, 36h, 7d ago, or 2026-11-23T10:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "until")]
        until_time: Option<Timestamp>,
    },
}

/// Runs `lango store`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let settings = config::load(&arguments.config.config)?;
    let options = node::store_options(&settings);
    let dir = options.dir.clone();
    match arguments.task {
        Task::Verify { against, json } => return verify(&dir, against.as_deref(), json),
        Task::Rebuild => {
            let mut bar = Bar::new("rebuilding");
            let done = embedded::rebuild(options, &mut |progress| bar.show(progress));
            bar.end();
            println!("the index holds everything up to record {}", done?);
        }
        Task::Backup { dir: to } => {
            let mut bar = Bar::new("copying");
            let backed_up = embedded::back_up(&dir, &to, &mut |progress| bar.show(progress));
            bar.end();
            let BackedUp { before, read } = backed_up?;
            let added = match before {
                Some(before) => format!("; it ended at record {before} before"),
                None => String::new(),
            };
            println!("{}\nbackup in {}{added}", summary(&read), to.display());
        }
        Task::Archive { dir: backup, compress } => {
            let released = match embedded::released(&options)? {
                Some(released) => released,
                None => released_by_node(&arguments.config.config)?,
            };
            let mut bar = Bar::new("checking");
            let archived = embedded::archive(&dir, &backup, released, compress, &mut |progress| bar.show(progress));
            bar.end();
            let Archived { removed, bytes, first, compressed } = archived?;
            println!(
                "removed    {removed} segments, {bytes} bytes; the journal begins at record {first}\n\
                 backup     holds them; {compressed} segments compressed in {}",
                backup.display()
            );
        }
        Task::Restore { dir: from, until, until_time } => {
            let until = until.map(Until::Record).or(until_time.map(Until::Time)).unwrap_or(Until::End);
            let restored = copy(&from, &dir, until, "restoring")
                .with_context(|| format!("nothing was put into {}", dir.display()))?;
            println!("{}\nrestored into {}", summary(&restored), dir.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the running node's index need no journal, and gives up to which record.
fn released_by_node(config: &Path) -> Result<u64> {
    let released = Desk::of(config)?.ask("store_release_journal", Value::Null)?;
    released.as_u64().context("the node does not say what its index holds")
}

fn verify(dir: &Path, against: Option<&Path>, json: bool) -> Result<ExitCode> {
    let mut bar = Bar::new("checking");
    let verified = embedded::verify_with(dir, &mut |progress| bar.show(progress));
    bar.end();
    let verified = verified?;
    let standing = against.map(|backup| embedded::compare(dir, backup)).transpose()?;
    if json {
        let standing = standing.map(|standing| match standing {
            Standing::Ahead(records) => json!({ "ahead": records }),
            Standing::Behind(records) => json!({ "behind": records }),
            Standing::Parted => json!("parted"),
        });
        println!("{}", serde_json::to_string_pretty(&json!({ "journal": verified, "backup": standing }))?);
    } else {
        println!("{}", summary(&verified));
    }
    match standing {
        None => {}
        Some(Standing::Ahead(records)) if !json => println!("backup     all of it is here, and {records} records more"),
        Some(Standing::Ahead(_)) => {}
        Some(Standing::Behind(records)) => bail!(
            "this is an older copy: it lacks {records} records that the backup has. Do not serve it; restore the backup"
        ),
        Some(Standing::Parted) => bail!("this is another store than the backup, or one that went its own way since"),
    }
    Ok(ExitCode::SUCCESS)
}

fn copy(from: &Path, to: &Path, until: Until, what: &'static str) -> Result<Verified> {
    let mut bar = Bar::new(what);
    let copied = embedded::copy(from, to, until, &mut |progress| bar.show(progress));
    bar.end();
    Ok(copied?)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    desk::since(text).map_err(|error| error.to_string())
}

fn summary(verified: &Verified) -> String {
    let Verified { segments, records, bytes, first, last, time, hash, torn } = verified;
    let mut lines = format!(
        "journal    whole: records {first} to {last} ({records}) in {segments} segments, {bytes} bytes\n\
         chain      {hash}"
    );
    // In the form in which `restore --until-time` takes it.
    if let Some(time) = time.and_then(|time| jiff::Timestamp::from_microsecond(time.micros()).ok()) {
        lines += &format!("\nnewest     committed at {time}");
    }
    if let Some(torn) = torn {
        // A node that is serving may be in the middle of a write; the next start cuts the rest off.
        lines +=
            &format!("\nend        a write under way or cut short: {}, offset {}", torn.file.display(), torn.offset);
    }
    lines
}

/// A bar for people who wait; nothing where nobody watches.
struct Bar {
    what: &'static str,
    watched: bool,
}

impl Bar {
    fn new(what: &'static str) -> Self {
        Self { what, watched: stderr().is_terminal() }
    }

    fn show(&mut self, Progress { done, total }: Progress) {
        if self.watched {
            let filled = done.saturating_mul(BAR_CELLS).checked_div(total).unwrap_or_default();
            let cells: String = (0..BAR_CELLS).map(|cell| if cell < filled { '#' } else { '.' }).collect();
            let mut out = stderr().lock();
            // A terminal that went away takes the bar with it and nothing else.
            let _ = write!(out, "\r{} [{cells}] {done} of {total} segments", self.what).and_then(|()| out.flush());
        }
    }

    fn end(&self) {
        if self.watched {
            eprintln!();
        }
    }
}

const BAR_CELLS: u64 = 40;
