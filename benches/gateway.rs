//! What one durable BusinessPayment costs, from the socket to the acknowledged callback: a real
//! `lango serve` on mutual TLS, callers on kept connections, a receiver that acknowledges.
//!
//! The node is a process of its own, so its CPU time is told apart from that of the callers and the
//! receiver, who run in this one and share the machine with it. Prints payments a second, the node's
//! CPU per payment, and how long answers and results took.
//!
//!     cargo bench --bench gateway [-- PAYMENTS CONNECTIONS]
//!
//! `LANGO_BENCH_NODE` names another binary to be measured: one that was built in another way, or before a
//! change.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use lango::cli::deployment::{self, BULK, Ports, ReadDemonstration, shillings};
use lango::cli::receiver::{Call, Receiver};
use lango::cli::soap_client::Identity;
use lango::clock::{SystemClock, Zone};
use lango::config;
use lango::core::directory::{self, PersonName};
use lango::core::{Account, AccountKind, Amount, Catalogue, Core, CoreSettings, Draw, Holder, Msisdn, Shortcode};
use lango::entropy::SystemEntropy;
use lango::mminterface::{PartyFields, RequestDocument, read_response, read_result, write_acknowledgement};
use lango::node::{Seams, open_store};
use lango::store::Store;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const SUBSCRIBERS: usize = 1000;
/// The clock ticks in which Linux tells CPU times (`getconf CLK_TCK`).
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let payments = numbers.first().copied().unwrap_or(20_000);
    let connections = numbers.get(1).copied().unwrap_or(64);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(payments, connections))
}

async fn measure(payments: usize, connections: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("lango");
    let ports = Ports { third_party: free()?, handset: free()?, metrics: free()?, receiver: free()?.port() };
    let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let demonstration = deployment::write_demonstration(&dir, Some(ports), &seams).await?;
    quiet(&dir)?;
    endow(&dir, &seams).await?;
    let mut results = receive(&demonstration).await?;
    let node = Node::serve(&dir)?;

    let messages = Arc::new(messages(&demonstration, payments)?);
    let tls = tls(&demonstration)?;
    let cpu_before = node.cpu()?;
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(call(tls.clone(), ports.third_party, Arc::clone(&messages), Arc::clone(&next))))
        .collect();
    let collected = tokio::spawn(async move {
        let mut arrived = HashMap::with_capacity(payments);
        while arrived.len() < payments {
            let call: Call = results.next(Duration::from_secs(30)).await.context("results stopped arriving")?;
            let result = read_result(call.body.as_bytes()).context("a callback is no result")?;
            ensure!(result.result_code == "0", "a payment ended with {} {}", result.result_code, result.result_desc);
            arrived.insert(result.originator_conversation_id, Instant::now());
        }
        Ok::<_, anyhow::Error>(arrived)
    });
    let (mut answers, mut sent) = (Vec::with_capacity(payments), HashMap::with_capacity(payments));
    for caller in callers {
        for (id, at, took) in caller.await?? {
            answers.push(took);
            sent.insert(id, at);
        }
    }
    let answered = begun.elapsed();
    let arrived = match collected.await? {
        Ok(arrived) => arrived,
        Err(error) => {
            node.tell_of_pending(&dir)?;
            return Err(error);
        }
    };
    let told = begun.elapsed();
    let cpu = node.cpu()? - cpu_before;
    let mut tellings: Vec<Duration> =
        arrived.iter().filter_map(|(id, at)| Some(at.duration_since(*sent.get(id)?))).collect();

    println!("{payments} payments, {connections} connections");
    println!("  answered            {:>8.0} a second", payments as f64 / answered.as_secs_f64());
    println!("  told and acknowledged {:>6.0} a second", payments as f64 / told.as_secs_f64());
    println!("  the node's CPU      {:>8.1} microseconds a payment", cpu.as_secs_f64() * 1e6 / payments as f64);
    println!("  request to answer   {}", spread(&mut answers));
    println!("  request to callback {}", spread(&mut tellings));
    node.stop()
}

/// One caller on one kept connection: the next message, its answer, and again.
async fn call(
    tls: TlsConnector,
    door: SocketAddr,
    messages: Arc<Vec<(String, Bytes)>>,
    next: Arc<AtomicUsize>,
) -> Result<Vec<(String, Instant, Duration)>> {
    let mut connection = connect(&tls, door).await?;
    let mut done = Vec::new();
    while let Some((id, message)) = messages.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = hyper::Request::post("/mminterface/request")
            .header("Host", door.to_string())
            .header("Content-Type", "text/xml; charset=utf-8")
            .body(Full::new(message.clone()))?;
        let begun = Instant::now();
        connection.ready().await?;
        let answer = connection.send_request(request).await?.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        let response = read_response(&answer).context("no ResponseMsg")?;
        ensure!(response.response_code == "0", "{} {}", response.response_code, response.response_desc);
        done.push((id.clone(), begun, took));
    }
    Ok(done)
}

async fn connect(tls: &TlsConnector, door: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(door).await?;
    stream.set_nodelay(true)?;
    let stream = tls.connect(ServerName::try_from("localhost")?, stream).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn tls(demonstration: &ReadDemonstration) -> Result<TlsConnector> {
    let party = &demonstration.file.third_party;
    let (ca, certificate, key) =
        (demonstration.read(&party.ca)?, demonstration.read(&party.cert)?, demonstration.read(&party.key)?);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The requests, made beforehand. All have the same SecurityCredential, as real programs do.
fn messages(shop: &ReadDemonstration, payments: usize) -> Result<Vec<(String, Bytes)>> {
    let like = shop.pay_out("", &shop.salary())?;
    let message = |at: usize| {
        let id = format!("{}_Mashamba_{at:010}", shop.file.initiator.shortcode);
        // No amount twice to one subscriber: the same within two minutes would be refused.
        let amount = Amount::from_minor(shillings(10) + i64::try_from(at / SUBSCRIBERS).unwrap_or_default());
        let receiver = PartyFields { identifier_type: 1, identifier: msisdn(at % SUBSCRIBERS), short_code: None };
        let document = RequestDocument {
            originator_conversation_id: id.clone(),
            parameters: vec![("Amount".into(), amount.to_string())],
            receiver_party: Some(receiver),
            ..like.clone()
        };
        (id, Bytes::from(shop.envelope(shop.claim(), &document)))
    };
    Ok((0..payments).map(message).collect())
}

fn msisdn(at: usize) -> String {
    format!("2547330{at:05}")
}

/// The third party's server: acknowledges everything.
async fn receive(demonstration: &ReadDemonstration) -> Result<Receiver> {
    let file = &demonstration.file.receiver;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", file.port)).await?;
    let identity = Identity { certificate: demonstration.read(&file.cert)?, key: demonstration.read(&file.key)? };
    let acknowledgement = write_acknowledgement("00000000", "success");
    let script = Arc::new(move |_: &Call| (hyper::StatusCode::OK, acknowledgement.clone()));
    Receiver::start(listener, &identity, &demonstration.read(&file.client_ca)?, script)
}

/// A log line for each payment would measure the log.
fn quiet(dir: &Path) -> Result<()> {
    let path = dir.join("lango.toml");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replace("level = \"info\"", "level = \"warn\""))?;
    Ok(())
}

/// Subscribers to be paid, and money to pay them with.
async fn endow(dir: &Path, seams: &Seams) -> Result<()> {
    let settings = config::load(&dir.join("lango.toml"))?;
    let catalogue = Catalogue::shipped().ok().context("the shipped catalogue has faults")?;
    let zone = Zone::named(&settings.node.zone)?;
    let core = Core::new(Arc::new(catalogue), CoreSettings { zone, digit: 0, currency: "KES".into() });
    let (store, now) = (open_store(&settings)?, seams.clock.now());
    let mut commits = Vec::new();
    for at in 0..SUBSCRIBERS {
        let number = Msisdn::parse(&msisdn(at), core.catalogue().numbering())?;
        let write_set = directory::create_subscriber(&*store, number, PersonName::default(), true, now)?;
        commits.push(store.commit(write_set));
    }
    for commit in commits {
        commit.await?;
    }
    let account = Account::new(Holder::Organization(Shortcode::parse(BULK.shortcode)?), AccountKind::Utility);
    let (amount, draw) = (Amount::from_minor(shillings(100_000_000)), Draw(seams.entropy.u64()));
    store.commit(directory::fund(&core, &*store, account, amount, now, draw)?.1).await?;
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(())
}

/// The node under measurement.
struct Node(Child);

/// The binary under measurement.
fn lango() -> Command {
    Command::new(std::env::var_os("LANGO_BENCH_NODE").unwrap_or_else(|| env!("CARGO_BIN_EXE_lango").into()))
}

impl Node {
    fn serve(dir: &Path) -> Result<Self> {
        let config = dir.join("lango.toml");
        let child = lango().args(["serve", "--config"]).arg(&config).spawn()?;
        let node = Self(child);
        let begun = Instant::now();
        let mut status = lango();
        status.args(["status", "--config"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        while !status.status()?.success() {
            ensure!(begun.elapsed() < Duration::from_secs(20), "the node does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(node)
    }

    /// Prints what the node still has to do, with every attempt at the first of its callbacks.
    fn tell_of_pending(&self, dir: &Path) -> Result<()> {
        let config = dir.join("lango.toml");
        let ask = |arguments: &[&str]| {
            let asked = lango().args(arguments).arg("--config").arg(&config).output();
            asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let pending = ask(&["callback", "list", "--state", "pending"])?;
        println!("{}\n{pending}", ask(&["status"])?);
        if let Some(id) = pending.split_whitespace().find(|word| word.starts_with("msg_")) {
            println!("{}", ask(&["callback", "show", id])?);
        }
        Ok(())
    }

    /// Lets it end by itself: a binary built to count what it does writes that down only then.
    fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(self.0.wait()?.success(), "the node did not end well");
        Ok(())
    }

    /// The CPU time that it has used, all threads, in user and system mode (proc(5), fields 14, 15).
    fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let after_name = stat.rsplit_once(") ").context("no process name")?.1;
        let ticks: f64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks / TICKS_A_SECOND))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn spread(durations: &mut [Duration]) -> String {
    durations.sort();
    let at = |share: f64| {
        let place = (durations.len() as f64 * share) as usize;
        durations.get(place.min(durations.len().saturating_sub(1))).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    format!("p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0))
}
