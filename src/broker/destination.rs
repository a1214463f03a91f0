//! Where the news of a request goes: to the URL that the request names, if that may be called; if not, to
//! the one of the third party's record. Programs copy URLs from samples, and a payment is not refused for
//! that. Nor is its result lost: what may not be called now waits for the list to change, as all callbacks
//! do, where there is no other place for it.

use super::Broker;
use super::request::first_url;
use crate::access::ThirdParty;
use crate::callbacks::guard::{Refused, check_url};

/// The reference item with which a request names where its timeout notice goes.
const QUEUE_TIMEOUT_URL: &str = "QueueTimeoutURL";

/// Where the news of a request goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Destinations {
    /// The result, if anywhere.
    pub result: Option<String>,
    /// The notice that it expired, if anywhere.
    pub timeout: Option<String>,
    /// What was made of URLs that may not be called, for the log and the trace. It repeats none of them.
    pub diverted: Vec<String>,
}

impl Broker {
    /// Those of a request with this ResultURL and these reference items.
    pub(super) fn destinations(
        &self,
        third_party: &ThirdParty,
        result_url: Option<&str>,
        reference: &[(String, String)],
    ) -> Destinations {
        let timeout_url = reference.iter().find(|(key, _)| key == QUEUE_TIMEOUT_URL).map(|(_, url)| url.as_str());
        let mut diverted = Vec::new();
        let mut either = |name, asked, registered| {
            let (asked, registered) = (first_url([asked]), first_url([registered]));
            let Some(refused) = asked.as_deref().and_then(|url| self.forbids(third_party, url)) else {
                return asked.or(registered);
            };
            let instead = registered.filter(|url| self.forbids(third_party, url).is_none());
            let then = match instead {
                Some(_) => "the third party's own is called",
                None => "what is sent there waits until it may be",
            };
            diverted.push(format!("the {name} may not be called, {refused}: {then}"));
            instead.or(asked)
        };
        let result = either("ResultURL", result_url, third_party.result_url.as_deref());
        let timeout = either(QUEUE_TIMEOUT_URL, timeout_url, third_party.queue_timeout_url.as_deref());
        Destinations { result, timeout, diverted }
    }

    /// Why a URL may not be called, as far as it tells itself.
    fn forbids(&self, third_party: &ThirdParty, url: &str) -> Option<Refused> {
        check_url(&*self.parts.hosts, &self.parts.special_networks, &third_party.name, url).err()
    }
}
