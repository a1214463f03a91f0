//! What all of a third party's messages go through: the envelope is read with the third party's own
//! tolerances, and whoever sent it must be let in (design.md 2, steps 4, 5 and 7).

use std::net::IpAddr;

use super::{Answer, Broker, Refusal, Request};
use crate::access::{Claim, NetworkKind, Permit, ToleranceSwitches};
use crate::mminterface::tolerances::RAW_DIGEST;
use crate::mminterface::{CallerHeader, Claimed, Interfaces, Read, ReadFailure, Tolerances};

/// A message whose sender is known.
pub(super) struct Call<T> {
    /// Who sent it.
    pub permit: Permit,
    /// What was sent.
    pub message: T,
    /// How patiently it is read.
    pub tolerances: Tolerances,
}

/// What reads the envelope of one kind of message.
type Reader<T> = fn(&Interfaces, &[u8], Tolerances) -> Result<Read<T>, ReadFailure>;

impl Broker {
    /// The envelope, and who calls; or the answer to one who comes no further.
    pub(super) fn call<T: Claimed>(
        &self,
        request: &mut Request,
        need: NetworkKind,
        read: Reader<T>,
    ) -> Result<Call<T>, Box<Answer>> {
        let tolerances = self.tolerances(request);
        self.bring_to_utf8(request, tolerances)?;
        let read = read(&self.parts.interfaces, &request.body, tolerances)
            .map_err(|failure| Box::new(self.unreadable(request, "", failure)))?;
        self.count_tolerances(&read.tolerances);
        let header = read.value.header();
        let permit = self
            .admit(request, header, need)
            .map_err(|refusal| Box::new(self.refuse(request, &header.sp_id, &refusal)))?;
        if permit.was_raw_digest() {
            self.count_tolerances(&[RAW_DIGEST]);
        }
        Ok(Call { permit, message: read.value, tolerances })
    }

    /// Which tolerances the third party's messages get. Its certificate says who it is before
    /// anything is read.
    fn tolerances(&self, request: &Request) -> Tolerances {
        let party = request.peer.key.and_then(|key| self.parts.access.third_party_with_key(&key));
        party.map_or_else(Tolerances::default, |party| switched(&party.tolerances))
    }

    pub(super) fn count_tolerances(&self, used: &[&'static str]) {
        used.iter().for_each(|name| self.parts.metrics.tolerance_used(name));
    }

    /// Who calls, from where, and not too often.
    fn admit(&self, request: &Request, header: &CallerHeader, need: NetworkKind) -> Result<Permit, Refusal> {
        let access = &self.parts.access;
        let address: IpAddr = request.peer.address.ip();
        access.admit(&claim(header), address, request.peer.key, need).map_err(Refusal::Access)
    }
}

/// What a header claims.
pub(super) fn claim(header: &CallerHeader) -> Claim<'_> {
    Claim {
        sp_id: &header.sp_id,
        sp_password: header.sp_password.as_deref(),
        service_id: header.service_id.as_deref(),
        time_stamp: header.time_stamp.as_deref(),
    }
}

/// The tolerances that are left after a third party's switches.
pub(super) fn switched(switches: &ToleranceSwitches) -> Tolerances {
    let from = if switches.strict { Tolerances::strict() } else { Tolerances::default() };
    let on = switches.on.iter().fold(from, |tolerances, name| tolerances.with(name));
    switches.off.iter().fold(on, |tolerances, name| tolerances.without(name))
}
