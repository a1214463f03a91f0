//! What the tests live in: a stage with a node, and deployments for the binary.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lango::access::{ThirdParty, third_party};
use lango::cli::demo::stage::Stage;
use lango::cli::demo::teller::Teller;
use lango::cli::deployment::{self, Ports, ReadDemonstration, THIRD_PARTY};
use lango::cli::soap_client::{Identity, SoapClient};
use lango::clock::SystemClock;
use lango::config;
use lango::core::accounts::ledger_sum;
use lango::entropy::{Entropy, SystemEntropy};
use lango::node::{Seams, open_store};
use lango::store::Store;
use lango::store::embedded::{OpenError, Options};
use tempfile::TempDir;

/// How long anything may take that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A stage in a folder of its own. The books are checked when the test ends it.
pub struct House {
    pub stage: Stage,
    pub teller: Teller,
    pub folder: TempDir,
}

impl House {
    pub async fn built() -> Self {
        Self::built_with(seams()).await
    }

    /// With a clock of the test's own, perhaps.
    pub async fn built_with(seams: Seams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::set(folder.path(), seams).await.unwrap();
        Self { stage, teller: Teller::new(false), folder }
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The third party's program, which knows what `demo.json` says.
    pub fn shop(&self) -> &ReadDemonstration {
        self.stage.demonstration()
    }

    /// Stops the node; the ledger must sum to zero, as the next start finds it. While a node runs, a payment
    /// may come in between two accounts that are read one after the other.
    pub async fn torn_down(self) {
        self.stage.strike().await;
        let settings = config::load(&self.folder.path().join("lango.toml")).unwrap();
        let begun = Instant::now();
        let store = loop {
            match open_store(&settings) {
                // A child that another test is just starting has all our files open for a moment.
                Err(OpenError::Locked { .. }) if begun.elapsed() < PATIENCE => tokio::task::yield_now().await,
                opened => break opened.unwrap(),
            }
        };
        assert_eq!(ledger_sum(&*store).unwrap(), 0, "l1: the ledger does not sum to zero");
        store.close();
    }
}

pub fn seams() -> Seams {
    Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}

/// A store in this folder that is small, so that segments end and checkpoints are made after little.
pub fn small_store(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes_max: 128 << 10,
        memory_bytes_max: 512 << 10,
        write_set_bytes_max: 1 << 20,
        waiting_max: 64,
        clock: Arc::new(SystemClock),
        directory_kinds: &["url"],
    }
}

/// The built binary.
pub fn lango() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lango"))
}

/// A deployment on ports of its own, for the binary to serve.
pub struct Deployed {
    pub folder: TempDir,
    pub demonstration: ReadDemonstration,
}

impl Deployed {
    pub async fn with_demonstration() -> Self {
        Self::made_with(&seams()).await
    }

    /// Made when it was another time, perhaps.
    pub async fn made_with(seams: &Seams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports {
            third_party: free_address(),
            handset: free_address(),
            metrics: free_address(),
            receiver: free_address().port(),
        };
        let dir = folder.path().join("lango");
        let demonstration = deployment::write_demonstration(&dir, Some(ports), seams).await.unwrap();
        Self { folder, demonstration }
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("lango")
    }

    pub fn config(&self) -> PathBuf {
        self.dir().join("lango.toml")
    }

    /// Runs `lango serve` and waits until it answers.
    pub fn served(&self) -> Served {
        served(&self.config())
    }

    /// The same, with no more files open than these.
    pub fn served_with_files(&self, files: u32) -> Served {
        answering(limited_to_files(&self.config(), files), &self.config())
    }

    /// Changes the settings; what is to be replaced must be there.
    pub fn set(&self, from: &str, to: &str) {
        let settings = std::fs::read_to_string(self.config()).unwrap();
        assert!(settings.contains(from), "{from}");
        std::fs::write(self.config(), settings.replacen(from, to, 1)).unwrap();
    }

    /// Changes the record of the third party, while nothing is served.
    pub async fn change_third_party(&self, change: impl FnOnce(&mut ThirdParty)) {
        let store = open_store(&config::load(&self.config()).unwrap()).unwrap();
        let (mut party, _) = third_party::read(&*store, THIRD_PARTY).unwrap().unwrap();
        change(&mut party);
        store.commit(third_party::save(&*store, &party).unwrap()).await.unwrap();
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    }

    /// The third party's program, with its certificate.
    pub fn program(&self) -> SoapClient {
        let party = &self.demonstration.file.third_party;
        self.client(&self.demonstration.file.endpoints.third_party, [&party.ca, &party.cert, &party.key])
    }

    /// The handset side's gateway, with its own.
    pub fn gateway(&self) -> SoapClient {
        let gateway = &self.demonstration.file.handset;
        self.client(&self.demonstration.file.endpoints.handset, [&gateway.ca, &gateway.cert, &gateway.key])
    }

    /// A caller of the door at a URL, with the CA, the certificate and the key in these files.
    fn client(&self, url: &str, files: [&Path; 3]) -> SoapClient {
        let [ca, certificate, key] = files.map(|path| self.demonstration.read(path).unwrap());
        let door = url.replace("https://localhost", "127.0.0.1").parse().unwrap();
        SoapClient::tls(door, &ca, Some(&Identity { certificate, key })).unwrap()
    }

    pub fn status(&self) -> std::process::Output {
        status(&self.config())
    }
}

fn status(config: &Path) -> std::process::Output {
    lango().args(["status", "--json", "--config"]).arg(config).output().unwrap()
}

/// Runs `lango serve` with these settings and waits until it answers.
pub fn served(config: &Path) -> Served {
    let mut serve = lango();
    serve.args(["serve", "--config"]).arg(config);
    answering(serve, config)
}

/// `lango serve`, which may have no more files open than these.
pub fn limited_to_files(config: &Path, files: u32) -> Command {
    let mut serve = Command::new("sh");
    let script = format!("ulimit -n {files} && exec \"$0\" serve --config \"$1\"");
    serve.args(["-c", &script, env!("CARGO_BIN_EXE_lango")]).arg(config);
    serve
}

/// Runs what serves these settings and waits until it answers.
fn answering(mut serve: Command, config: &Path) -> Served {
    let child = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut served = Served { child: Some(child) };
    let begun = Instant::now();
    while !status(config).status.success() {
        let child = served.child.as_mut().unwrap();
        if child.try_wait().unwrap().is_some() || begun.elapsed() > PATIENCE {
            // What it has logged ends when it does.
            let _ = child.kill();
            let output = served.child.take().unwrap().wait_with_output().unwrap();
            panic!("lango serve does not answer: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    served
}

/// A running `lango serve`; killed when the test forgets it.
pub struct Served {
    child: Option<Child>,
}

impl Served {
    /// SIGTERM: drains and exits. The exit code and what it logged.
    pub fn terminated(mut self) -> (Option<i32>, String) {
        let child = self.child.take().unwrap();
        let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// SIGHUP: reads its files again.
    pub fn hung_up(&self) {
        let child = self.child.as_ref().unwrap();
        assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    }

    /// SIGKILL: as if the machine had lost its mind.
    pub fn killed(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Listens at a port of this machine, as soon as nobody does any more. Whenever a test starts a process,
/// that has all listeners of this one for a moment, also those that were closed meanwhile.
pub async fn listener(port: u16) -> tokio::net::TcpListener {
    let begun = Instant::now();
    loop {
        match tokio::net::TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "port {port}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An address that nobody listens at and nobody else will be given: the port is none that the system
/// hands out by itself, and a lock keeps it for this process against other runs of these tests.
pub fn free_address() -> SocketAddr {
    const PORTS: Range<u16> = 10_000..32_000;
    static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("lango-test-ports");
    std::fs::create_dir_all(&folder).unwrap();
    let mut taken = TAKEN.lock().unwrap();
    loop {
        let port = PORTS.start + u16::try_from(SystemEntropy.u64() % PORTS.len() as u64).unwrap();
        let lock = File::create(folder.join(port.to_string())).unwrap();
        if lock.try_lock().is_ok() && TcpStream::connect(("127.0.0.1", port)).is_err() {
            taken.push(lock);
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}
