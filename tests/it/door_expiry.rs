//! What ends soon is told of: in the log, by `lango status`, as a metric.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use lango::access::authority::{Authority, REVOCATION_LIST_DAYS, Revocations};
use lango::cli::soap_client::SoapClient;
use lango::clock::{Clock, ManualClock, SystemClock};
use lango::node::Seams;

use crate::door_support::{eventually, says};
use crate::house::{Deployed, House, seams};

const DAY: Duration = Duration::from_secs(86_400);

/// A deployment that was made so long ago that its clients' certificates, good for 365 days, have this
/// many left.
async fn deployed_with_days_left(days: u32) -> Deployed {
    let past = SystemClock.now().minus(DAY * (365 - days)).plus(Duration::from_secs(3600));
    Deployed::made_with(&Seams { clock: Arc::new(ManualClock::at(past)), ..seams() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_status_tell_of_what_ends_soon() {
    let deployed = deployed_with_days_left(10).await;
    let served = deployed.served();
    let (_, said) = says(&deployed.dir(), &["status"]);
    for line in ["expiring   callback certificate CN=lango: in 10 days", "expiring   third party key duka"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("CN=Lango CA"), "a CA that lasts ten years is told of: {said}");
    let (_, log) = served.terminated();
    assert!(log.contains("this ends within 14 days; renew it") && log.contains("CN=lango"), "{log}");
}

/// When it is past, nobody comes in any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_list_that_ends_soon_is_told_of() {
    let deployed = Deployed::with_demonstration().await;
    let certs = deployed.dir().join("certs");
    let read = |name: &str| fs::read_to_string(certs.join(name)).unwrap();
    let authority = Authority::load(&read("ca.pem"), &read("ca.key")).unwrap();
    let made = SystemClock.now().minus(DAY * (REVOCATION_LIST_DAYS - 5)).plus(Duration::from_secs(3600));
    let list = authority.revocation_list(&Revocations::default(), made).unwrap();
    fs::write(certs.join("ca.crl"), list).unwrap();
    deployed.set("# client_crl =", "client_crl =");
    let served = deployed.served();
    let (_, said) = says(&deployed.dir(), &["status"]);
    let line = "expiring   revocation list doors.third_party: CN=Lango CA for third parties: in 5 days";
    assert!(said.contains(line), "{said}");
    let (_, log) = served.terminated();
    let warning = log.lines().find(|line| line.contains("revocation_list"));
    assert!(warning.is_some_and(|line| line.contains("this ends within 7 days; renew it")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_follow_the_nodes_clock_to_the_end() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let house = House::built_with(Seams { clock: Arc::<ManualClock>::clone(&clock), ..seams() }).await;
    let metrics = SoapClient::plain(house.stage.addresses().metrics);
    let shows = async |line: &str| {
        eventually(line, async || metrics.fetch("/metrics").await.unwrap().text().contains(line)).await;
    };
    shows("lango_expires_timestamp_seconds{kind=\"server_certificate\",name=\"doors.third_party: CN=lango\"}").await;
    shows(
        "lango_expires_timestamp_seconds{kind=\"client_ca\",name=\"doors.handset: CN=Lango CA for the handset side\"}",
    )
    .await;
    shows("lango_expiring{days=\"30\"} 0\n").await;
    // Two third parties' keys and our certificate for callbacks.
    clock.advance(DAY * 340);
    shows("lango_expiring{days=\"30\"} 3\n").await;
    shows("lango_expiring{days=\"14\"} 0\n").await;
    clock.advance(DAY * 20);
    shows("lango_expiring{days=\"7\"} 3\n").await;
    clock.advance(DAY * 10);
    shows("lango_expiring{days=\"1\"} 3\n").await;
    let (_, said) = says(house.dir(), &["status"]);
    assert!(said.contains("EXPIRED    callback certificate CN=lango"), "{said}");
    house.torn_down().await;
}
