//! Who is in the demonstration: a shop with a paybill, a company that pays salaries in bulk,
//! subscribers with money, operators with roles, and the file that names them for scripts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::config::Settings;
use crate::entropy::Entropy;

/// The third party: the shop's system.
pub const THIRD_PARTY: &str = "duka";
/// Another third party, whose certificate is good and somebody else's.
pub const NEIGHBOUR: &str = "jirani";
/// A certificate that the CA signed and no third party has.
pub const STRANGER: &str = "mgeni";
/// The handset side's gateway.
pub const HANDSET_GATEWAY: &str = "handset";

/// The spId of the third party.
pub const SP_ID: &str = "107031";
/// Its serviceId.
pub const SERVICE_ID: &str = "107031000";
/// The spId of its neighbour.
pub const NEIGHBOUR_SP_ID: &str = "107032";

/// The receiver's port in a deployment for keeps; the shipped whitelist has the same.
const RECEIVER_PORT: u16 = 18443;

/// Whole shillings in minor units.
pub const fn shillings(whole: i64) -> i64 {
    whole * 100
}

/// An organization of the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationSeed {
    /// Its shortcode.
    pub shortcode: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its product.
    pub product: &'static str,
    /// Whether its own system validates customers' payments.
    pub validation: bool,
    /// What its Utility account begins with, in minor units.
    pub utility: i64,
}

/// A subscriber of the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct SubscriberSeed {
    /// The phone number.
    pub msisdn: &'static str,
    /// First, middle and last name.
    pub name: [&'static str; 3],
    /// What the account begins with, in minor units.
    pub balance: i64,
}

/// The paybill, to which customers pay.
pub const PAYBILL: OrganizationSeed = OrganizationSeed {
    shortcode: "600000",
    name: "Duka la Mama Asha",
    product: "Paybill Head Office",
    validation: true,
    utility: 0,
};

/// The company that pays people.
pub const BULK: OrganizationSeed = OrganizationSeed {
    shortcode: "600100",
    name: "Mashamba Payroll",
    product: "Bulk",
    validation: false,
    utility: shillings(100_000),
};

/// The subscribers; the first one pays and is paid.
pub const SUBSCRIBERS: [SubscriberSeed; 2] = [
    SubscriberSeed { msisdn: "254722000001", name: ["Amina", "Wanjiru", "Otieno"], balance: shillings(5000) },
    SubscriberSeed { msisdn: "254722000002", name: ["Juma", "", "Kamau"], balance: shillings(250) },
];

/// The operator that pays out for [`BULK`].
pub const PAYER: &str = "lipa.api";
/// The operator of [`BULK`] that may use the portal only.
pub const CLERK: &str = "karani.web";
/// The operator of [`PAYBILL`] with a role that its organization has no product for.
pub const CASHIER: &str = "keshia.api";

/// The demonstration's own secrets and addresses; everything else is the same each time.
#[derive(Clone, Debug)]
pub struct Demonstration {
    /// The third party's password.
    pub sp_password: String,
    /// The neighbour's password.
    pub neighbour_password: String,
    /// The password of all its operators.
    pub operator_password: String,
    /// Where results go.
    pub receiver_port: u16,
}

impl Demonstration {
    pub(super) fn draw(entropy: &dyn Entropy, receiver_port: Option<u16>) -> Self {
        Self {
            sp_password: password(entropy),
            neighbour_password: password(entropy),
            operator_password: password(entropy),
            receiver_port: receiver_port.unwrap_or(RECEIVER_PORT),
        }
    }

    /// A URL of the receiver.
    pub fn receiver_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.receiver_port)
    }
}

/// A password by the rules (domain.md 7): capital, small letter, digit, special character.
fn password(entropy: &dyn Entropy) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyzACDEFGHJ";
    let drawn = (0..2).flat_map(|_| entropy.u64().to_le_bytes());
    let letters = drawn.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters.chain("Ma7#".chars()).collect()
}

/// `demo.json`: the identities for scripts and people who want to try by hand. Paths are relative
/// to the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DemonstrationFile {
    pub endpoints: Endpoints,
    pub third_party: ThirdPartyFile,
    pub initiator: InitiatorFile,
    pub organizations: Vec<OrganizationFile>,
    pub subscribers: Vec<SubscriberFile>,
    pub handset: ClientFile,
    pub receiver: ReceiverFile,
}

/// Where the doors are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Endpoints {
    pub third_party: String,
    pub handset: String,
    pub metrics: String,
}

/// The third party.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ThirdPartyFile {
    pub name: String,
    pub sp_id: String,
    pub service_id: String,
    pub password: String,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

/// The operator that pays out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InitiatorFile {
    pub shortcode: String,
    pub name: String,
    pub password: String,
    pub credential_cert: PathBuf,
}

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OrganizationFile {
    pub shortcode: String,
    pub name: String,
    pub product: String,
}

/// A subscriber.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SubscriberFile {
    pub msisdn: String,
    pub name: String,
    pub balance: String,
}

/// A client of a door.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ClientFile {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

/// The server for callbacks that `lango receive` runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ReceiverFile {
    pub url: String,
    pub port: u16,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: PathBuf,
}

impl DemonstrationFile {
    pub(super) fn new(settings: &Settings, demonstration: &Demonstration) -> Self {
        let https = |port: u16| format!("https://localhost:{port}");
        let client = |name: &str, what: &str| PathBuf::from(format!("certs/clients/{name}.{what}"));
        Self {
            endpoints: Endpoints {
                third_party: https(settings.doors.third_party.listen.port()),
                handset: https(settings.doors.handset.listen.port()),
                metrics: format!("http://{}", settings.doors.metrics.listen),
            },
            third_party: ThirdPartyFile {
                name: THIRD_PARTY.into(),
                sp_id: SP_ID.into(),
                service_id: SERVICE_ID.into(),
                password: demonstration.sp_password.clone(),
                cert: client(THIRD_PARTY, "pem"),
                key: client(THIRD_PARTY, "key"),
                ca: "certs/ca.pem".into(),
            },
            initiator: InitiatorFile {
                shortcode: BULK.shortcode.into(),
                name: PAYER.into(),
                password: demonstration.operator_password.clone(),
                credential_cert: "certs/credential.pem".into(),
            },
            organizations: [PAYBILL, BULK].map(OrganizationFile::from).into(),
            subscribers: SUBSCRIBERS.map(SubscriberFile::from).into(),
            handset: ClientFile {
                cert: client(HANDSET_GATEWAY, "pem"),
                key: client(HANDSET_GATEWAY, "key"),
                ca: "certs/ca.pem".into(),
            },
            receiver: ReceiverFile {
                url: demonstration.receiver_url(""),
                port: demonstration.receiver_port,
                cert: "certs/receiver.pem".into(),
                key: "certs/receiver.key".into(),
                client_ca: "certs/ca.pem".into(),
            },
        }
    }
}

impl From<OrganizationSeed> for OrganizationFile {
    fn from(seed: OrganizationSeed) -> Self {
        Self { shortcode: seed.shortcode.into(), name: seed.name.into(), product: seed.product.into() }
    }
}

impl From<SubscriberSeed> for SubscriberFile {
    fn from(seed: SubscriberSeed) -> Self {
        let name: Vec<&str> = seed.name.into_iter().filter(|part| !part.is_empty()).collect();
        let balance = crate::core::Amount::from_minor(seed.balance).to_string();
        Self { msisdn: seed.msisdn.into(), name: name.join(" "), balance }
    }
}

/// A demonstration's file, and the folder that its paths are relative to.
#[derive(Clone, Debug)]
pub struct ReadDemonstration {
    /// What it says.
    pub file: DemonstrationFile,
    /// Where it stands.
    pub dir: PathBuf,
}

/// Reads the demonstration of the deployment with this settings file.
pub fn read_demonstration(config: &Path) -> Result<ReadDemonstration> {
    let dir = config.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let path = dir.join(super::DEMONSTRATION_FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read; `lango init DIR` writes it", path.display()))?;
    let file = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    Ok(ReadDemonstration { file, dir })
}

impl ReadDemonstration {
    /// The text of a file that the demonstration names.
    pub fn read(&self, path: &Path) -> Result<String> {
        let path = self.dir.join(path);
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    }
}
