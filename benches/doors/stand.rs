//! A node to measure: a deployment in a folder of its own, and the process that serves it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lango::cli::deployment::{self, Ports, ReadDemonstration};
use lango::clock::SystemClock;
use lango::entropy::SystemEntropy;
use lango::node::Seams;
use tempfile::TempDir;

/// The clock ticks in which Linux tells CPU times (`getconf CLK_TCK`).
const TICKS_A_SECOND: f64 = 100.0;
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A deployment that is served.
pub struct Stand {
    /// Ends before its folder goes.
    pub node: Process,
    pub demonstration: ReadDemonstration,
    pub door: SocketAddr,
    pub metrics: SocketAddr,
    folder: TempDir,
}

/// A process that ends with this.
pub struct Process(Child);

impl Stand {
    /// A node whose settings are changed in these places, and which lets in all of loopback.
    pub async fn serving(changes: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("lango");
        let ports = Ports { third_party: free()?, handset: free()?, metrics: free()?, receiver: free()?.port() };
        let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
        let demonstration = deployment::write_demonstration(&dir, Some(ports), &seams).await?;
        change(&dir.join("lango.toml"), &[("level = \"info\"", "level = \"error\"")])?;
        change(&dir.join("lango.toml"), changes)?;
        change(&dir.join("whitelist.toml"), &[("\"127.0.0.1/32\", kind", "\"127.0.0.0/8\", kind")])?;
        let node = serve(&dir)?;
        Ok(Self { folder, demonstration, door: ports.third_party, metrics: ports.metrics, node })
    }

    /// The deployment's folder.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("lango")
    }

    /// Where the certificates are.
    pub fn certs(&self) -> PathBuf {
        self.dir().join("certs")
    }
}

impl Process {
    pub fn new(child: Child) -> Self {
        Self(child)
    }

    /// The CPU time that it and its children have used, in user and system mode (proc(5), fields 14
    /// and 15 of stat).
    pub fn cpu(&self) -> Result<Duration> {
        let id = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let all = children.split_whitespace().map(str::to_owned).chain([id.to_string()]);
        let mut ticks = 0.0;
        for id in all {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
            let after_name = stat.rsplit_once(") ").context("no process name")?.1;
            ticks += after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
        }
        Ok(Duration::from_secs_f64(ticks / TICKS_A_SECOND))
    }

    /// The memory that it has in use (proc(5), VmRSS), in MiB.
    pub fn resident_mib(&self) -> Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// The most memory that it ever had in use (proc(5), VmHWM), in MiB.
    pub fn most_resident_mib(&self) -> Result<f64> {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first: nginx's workers end with their master only if it may tell them.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let begun = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(dir: &Path) -> Result<Process> {
    let config = dir.join("lango.toml");
    let lango = env!("CARGO_BIN_EXE_lango");
    let node = Process(Command::new(lango).args(["serve", "--config"]).arg(&config).spawn()?);
    let begun = Instant::now();
    let mut status = Command::new(lango);
    status.args(["status", "--config"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    while !status.status()?.success() {
        ensure!(begun.elapsed() < STARTS_WITHIN, "the node does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(node)
}

fn change(path: &Path, changes: &[(&str, &str)]) -> Result<()> {
    let mut text = std::fs::read_to_string(path)?;
    for (from, to) in changes {
        ensure!(text.contains(from), "{} has no {from}", path.display());
        text = text.replacen(from, to, 1);
    }
    Ok(std::fs::write(path, text)?)
}

/// An address that nobody listens at right now.
pub fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The spread of durations, in milliseconds.
pub fn spread(durations: &mut [Duration]) -> String {
    durations.sort();
    let at = |share| share_of(durations, share).as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0))
}

/// The duration below which this share of sorted ones is.
pub fn share_of(sorted: &[Duration], share: f64) -> Duration {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
