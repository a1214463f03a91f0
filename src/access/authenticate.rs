//! Who calls: the gates between a request's header and a [`Permit`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::shares::Share;
use super::sp_password::{self, Form, SpPasswordFault};
use super::third_party::Directory;
use super::throttle::Source;
use super::{Access, KeyFingerprint, NetworkKind, Refusal, Secret, ThirdParty, Vault, VaultError};
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// What a request's header says about who sends it, as it was sent.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The spId.
    pub sp_id: &'a str,
    /// The spPassword, if there is one.
    pub sp_password: Option<&'a str>,
    /// The serviceId, if there is one.
    pub service_id: Option<&'a str>,
    /// The timeStamp, if there is one: part of what was hashed, and read as a time only where the
    /// third party's record says so.
    pub time_stamp: Option<&'a str>,
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The spPassword is as good as the password for whoever can send the same timeStamp.
        f.debug_struct("Claim")
            .field("sp_id", &self.sp_id)
            .field("service_id", &self.service_id)
            .finish_non_exhaustive()
    }
}

/// Which password a request proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordUsed {
    /// None: the mode needs none.
    None,
    /// The one that is on record.
    Present,
    /// The one before it, which is still valid.
    Previous,
}

impl fmt::Display for PasswordUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none is needed",
            Self::Present => "the present one",
            Self::Previous => "the one before, which is still valid",
        })
    }
}

/// What a request proved itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) password: PasswordUsed,
    /// Whether that needed the patience for digests that are not in digits.
    pub(super) raw_digest: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.raw_digest { ", as a raw digest" } else { "" };
        write!(f, "{}{how}", self.password)
    }
}

/// The proof that a request was let in. Only [`Access::admit`] makes one, so what takes a permit cannot
/// be reached without.
#[derive(Clone, Debug)]
pub struct Permit {
    third_party: Arc<ThirdParty>,
    network: NetworkKind,
    proof: Proof,
    /// Its place among the requests under way, until the last copy is dropped.
    _place: Arc<Share>,
}

impl Permit {
    /// Who was let in.
    pub fn third_party(&self) -> &Arc<ThirdParty> {
        &self.third_party
    }

    /// By which kind of network it came.
    pub fn network(&self) -> NetworkKind {
        self.network
    }

    /// Which password it proved.
    pub(super) fn password_used(&self) -> PasswordUsed {
        self.proof.password
    }

    /// Whether its spPassword was the raw digest, which is let in by a named tolerance.
    pub fn was_raw_digest(&self) -> bool {
        self.proof.raw_digest
    }
}

/// Who a request is found to be of.
struct Known {
    third_party: Arc<ThirdParty>,
    network: NetworkKind,
    proof: Proof,
}

impl Access {
    /// Lets a request in, or says why not: by its header, the address it came from, and the key of
    /// the client certificate, which is none on the plain door only; and if there were not too many
    /// before it. `need` is the kind of network that what is asked for needs.
    pub fn admit(
        &self,
        claim: &Claim<'_>,
        address: IpAddr,
        key: Option<KeyFingerprint>,
        need: NetworkKind,
    ) -> Result<Permit, Refusal> {
        let (source, now) = (Source::of(key, address), self.clock.now());
        let verdict = match self.throttle.may_try(&source, now) {
            true => self.authenticate(claim, address, key, need, now).and_then(|known| self.enter(known, claim, now)),
            false => Err(Refusal::RefusalsExceeded),
        };
        if let Err(refusal) = &verdict {
            if refusal.is_about_identity() {
                self.throttle.was_refused(&source, now);
            }
            // The spId is whatever the caller likes, so it does not make a line of its own.
            let address = address.to_canonical().to_string();
            let same = [("address", address.as_str()), ("reason", refusal.reason()), ("code", refusal.public().0)];
            self.audit.record_often("request-refused", &same, &[("sp_id", claim.sp_id)]);
        }
        verdict
    }

    /// Who sends a request.
    fn authenticate(
        &self,
        claim: &Claim<'_>,
        address: IpAddr,
        key: Option<KeyFingerprint>,
        need: NetworkKind,
        now: Timestamp,
    ) -> Result<Known, Refusal> {
        let directory = self.directory.load();
        let known = directory.with_sp_id(claim.sp_id);
        let party = known.map_or(&self.nobody, |party| party);

        // All gates are tried, whatever the first one says: the time must not tell which was closed.
        let key = key_gate(party, key, &directory, now);
        let proof = self.password_gate(party, claim, now);
        let time_stamp = party.time_stamps.check(claim.time_stamp.unwrap_or_default(), now, self.started);
        let network = self.network_gate(party, address, need, now);

        let party = known.ok_or(Refusal::SpIdUnknown)?;
        key?;
        let proof = proof?;
        time_stamp?;
        let network = network?;

        // What follows has codes of its own, so it comes after everything about who the caller is.
        party.must_be_enabled()?;
        party.must_have_service(claim.service_id)?;
        Ok(Known { third_party: party.clone(), network, proof })
    }

    /// Counts a request whose sender is known.
    fn enter(&self, known: Known, claim: &Claim<'_>, now: Timestamp) -> Result<Permit, Refusal> {
        let Known { third_party, network, proof } = known;
        let place = self.throttle.enter(&third_party, now)?;
        // Last, since it leaves a trace: what was refused, for whatever reason, may be sent again.
        let time_stamp = claim.time_stamp.unwrap_or_default();
        self.used.first_use(&third_party.name, &third_party.time_stamps, time_stamp, now)?;
        Ok(Permit { third_party, network, proof, _place: Arc::new(place) })
    }

    pub(super) fn password_gate(
        &self,
        party: &ThirdParty,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Proof, Refusal> {
        if !party.mode.needs_password() {
            return Ok(Proof { password: PasswordUsed::None, raw_digest: false });
        }
        let unreadable = |error| {
            tracing::error!(third_party = party.name, %error, "a third party's password does not open");
            Refusal::SecretUnreadable
        };
        let Some(present) = party.open_password(&self.vault).map_err(unreadable)? else {
            return Err(Refusal::PasswordNotSet);
        };
        let previous = party.open_previous_password(&self.vault, now).map_err(unreadable)?;
        let presented = claim.sp_password.filter(|text| !text.is_empty()).ok_or(Refusal::PasswordMissing)?;
        let time_stamp = claim.time_stamp.filter(|text| !text.is_empty()).ok_or(Refusal::TimeStampMissing)?;
        let is_of = |password: &Secret| {
            sp_password::check(presented, claim.sp_id, password.expose(), time_stamp, party.takes_raw_digest())
        };
        let proved = |password, form| Ok(Proof { password, raw_digest: form == Form::Raw });
        match (is_of(&present), previous) {
            (Ok(form), _) => proved(PasswordUsed::Present, form),
            (Err(SpPasswordFault::Malformed), _) => Err(Refusal::PasswordMalformed),
            (Err(SpPasswordFault::Wrong), previous) => match previous.map(|previous| is_of(&previous)) {
                Some(Ok(form)) => proved(PasswordUsed::Previous, form),
                _ => Err(Refusal::PasswordWrong),
            },
        }
    }

    pub(super) fn network_gate(
        &self,
        party: &ThirdParty,
        address: IpAddr,
        need: NetworkKind,
        now: Timestamp,
    ) -> Result<NetworkKind, Refusal> {
        match self.whitelist.load().network(&party.name, address, now) {
            None => Err(Refusal::AddressForeign),
            Some(network) if !network.suffices_for(need) => Err(Refusal::AddressNotVpn),
            Some(network) => Ok(network),
        }
    }
}

pub(super) fn key_gate(
    party: &ThirdParty,
    presented: Option<KeyFingerprint>,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(presented) = presented else {
        return if party.plain_requests { Ok(()) } else { Err(Refusal::PlainDoorClosed) };
    };
    match party.keys.iter().find(|key| key.fingerprint == presented) {
        Some(key) if key.in_force(now) => Ok(()),
        Some(_) => Err(Refusal::KeyNotInForce),
        None if directory.with_key(&presented).is_some() => Err(Refusal::KeyOfAnother),
        None => Err(Refusal::KeyUnknown),
    }
}

/// A third party that is nobody: what an unknown spId is judged against. It has a password that
/// nobody knows, and no network.
pub(super) fn nobody(vault: &Vault, entropy: &dyn Entropy) -> Result<ThirdParty, VaultError> {
    // No third party can have this name, in the store or in the whitelist, so no network is its own.
    let mut nobody = ThirdParty::new("", "");
    let password = Secret::new(format!("{:016x}{:016x}", entropy.u64(), entropy.u64()));
    nobody.seal_password(&password, vault, entropy)?;
    Ok(nobody)
}
