//! How soon an engine answers again after many payments and a kill.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lango::store::Key;

use crate::commits;
use crate::engine::{self, NAMES};
use crate::measure::{folder_bytes, peak_memory_mib};

const WRITERS: u64 = 256;
const FILLED: &str = "filled";

/// Fills each engine, kills the process that did, and opens it again, each in a process of its own.
pub fn all(payments: u64) -> Result<()> {
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>12} {:>8} {:>10}",
        "engine", "payments", "filling s", "open s", "first read s", "RSS MiB", "on disk/p"
    );
    for name in NAMES {
        let holder = tempfile::tempdir_in(".")?;
        let dir = holder.path().join(name);
        let begin = Instant::now();
        let program = std::env::current_exe()?;
        let mut child = Command::new(&program)
            .args(["fill".as_ref(), name.as_ref(), dir.as_os_str(), payments.to_string().as_ref()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no pipe")?).read_line(&mut line)?;
        let filling = begin.elapsed().as_secs_f64();
        child.kill()?;
        child.wait()?;
        ensure!(line.trim() == FILLED, "{name} was not filled");
        print!("{name:>8} {payments:>10} {filling:>10.1}");
        std::io::stdout().flush()?;
        let status = Command::new(&program).args(["open".as_ref(), name.as_ref(), dir.as_os_str()]).status()?;
        ensure!(status.success(), "{name} does not open");
        println!(" {:>10.0}", folder_bytes(&dir)? as f64 / payments as f64);
    }
    Ok(())
}

/// Commits so many payments, says so, and waits to be killed.
pub fn fill(name: &str, dir: &Path, payments: u64) -> Result<()> {
    let engine = engine::open(name, dir)?;
    let done = commits::run(&engine, WRITERS, &move |number| number < payments)?;
    ensure!(done == payments, "{done} of {payments} were committed");
    println!("{FILLED}");
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

/// Opens, reads the first payment's request, and prints how long each took.
pub fn open(name: &str, dir: &Path) -> Result<()> {
    let begin = Instant::now();
    let engine = engine::open(name, dir)?;
    let opened = begin.elapsed().as_secs_f64();
    ensure!(engine.holds(&Key::of("request").number(0))?, "the first payment is lost");
    let read = begin.elapsed().as_secs_f64() - opened;
    print!(" {opened:>10.4} {read:>12.4} {:>8}", peak_memory_mib()?);
    std::io::stdout().flush()?;
    engine.close();
    Ok(())
}
