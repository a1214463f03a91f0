//! Where a third party's callbacks may go: what the whitelist and its record say now.

use std::net::IpAddr;
use std::sync::Arc;

use crate::access::Access;
use crate::callbacks::Hosts;

/// The whitelist and the third parties' records as the callbacks' rule.
#[derive(Debug)]
pub struct WhitelistedHosts(pub Arc<Access>);

impl Hosts for WhitelistedHosts {
    fn allowed(&self, third_party: &str, host: &str, _address: Option<IpAddr>, port: u16) -> bool {
        let whitelist = self.0.whitelist();
        let rules = whitelist.callback_hosts(third_party);
        // A name on the list may resolve to any address that is nothing special; the guard refuses the rest.
        rules.iter().any(|rule| rule.allows(host, port))
    }

    fn plain_allowed(&self, third_party: &str) -> bool {
        self.0.third_party(third_party).is_some_and(|third_party| third_party.plain_callbacks)
    }

    fn pinned_authority(&self, third_party: &str) -> Option<String> {
        self.0.third_party(third_party).and_then(|third_party| third_party.callback_authority.clone())
    }
}
