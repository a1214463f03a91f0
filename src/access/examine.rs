//! What each gate says to a request, for the provider's operators. All gates are asked, whatever the
//! others say, and nothing comes of it: no failure is counted, no timeStamp used up, nobody let in.

use std::net::IpAddr;
use std::sync::Arc;

use super::authenticate::key_gate;
use super::{Access, Claim, CredentialVerdict, KeyFingerprint, NetworkKind, Refusal, ThirdParty};

/// What one gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateVerdict {
    /// Which gate.
    pub gate: &'static str,
    /// What it found, or why it stays closed; neither where nobody said what it needs to know.
    pub verdict: Option<Result<String, Refusal>>,
}

impl GateVerdict {
    fn new(gate: &'static str, verdict: Result<String, Refusal>) -> Self {
        Self { gate, verdict: Some(verdict) }
    }
}

impl Access {
    /// Who the third party with this spId is, and what each gate between the header and a permit says.
    /// Rates and places are left out: they are a matter of the moment.
    pub fn examine(
        &self,
        claim: &Claim<'_>,
        address: Option<IpAddr>,
        key: Option<KeyFingerprint>,
        need: NetworkKind,
    ) -> (Option<Arc<ThirdParty>>, Vec<GateVerdict>) {
        let (directory, now) = (self.directory.load(), self.clock.now());
        let Some(party) = directory.with_sp_id(claim.sp_id) else {
            return (None, vec![GateVerdict::new("spId", Err(Refusal::SpIdUnknown))]);
        };
        let key = key.map(|key| key_gate(party, Some(key), &directory, now).map(|()| "its key, in force".to_owned()));
        let network = address.map(|address| {
            let network = self.network_gate(party, address, need, now);
            network.map(|network| format!("{address} is in a network of its own, of kind {network}"))
        });
        let time_stamp = party.time_stamps.check(claim.time_stamp.unwrap_or_default(), now, self.started);
        let gates = vec![
            GateVerdict::new("spId", Ok(party.name.clone())),
            GateVerdict { gate: "certificate", verdict: key },
            GateVerdict::new("spPassword", self.password_gate(party, claim, now).map(|used| used.to_string())),
            GateVerdict::new("timeStamp", time_stamp.map(|()| "of this time, or of no concern".to_owned())),
            GateVerdict { gate: "network", verdict: network },
            GateVerdict::new("state", party.must_be_enabled().map(|()| "enabled".to_owned())),
            GateVerdict::new(
                "serviceId",
                party.must_have_service(claim.service_id).map(|()| "its own, or none".to_owned()),
            ),
        ];
        (Some(Arc::clone(party)), gates)
    }

    /// What would become of an operator's SecurityCredential. A wrong one is not counted.
    pub async fn examine_credential(&self, operator: Option<u64>, security_credential: &str) -> CredentialVerdict {
        self.verifier.examine(operator, security_credential).await
    }
}
