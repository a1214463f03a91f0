//! RegisterURL: a third party says where customers' payments to a shortcode are validated and
//! confirmed (protocol.md 4.2).

use std::sync::Arc;

use super::call::Call;
use super::request::unreadable_store;
use super::retry::CONFLICTS_MAX;
use super::third_party::soap_answer;
use super::{Answer, Broker, Parts, Refusal, Request};
use crate::access::{NetworkKind, ThirdParty};
use crate::callbacks::urls::{self, DefaultAction, RegisterError, Registration};
use crate::core::catalogue::NetworkNeed;
use crate::core::{Shortcode, directory};
use crate::mminterface::{
    DocumentKind, GenericRequest, Interfaces, Read, RequestDocument, ResponseDocument, ResponseType, Tolerances,
    UrlRegistration, write_response,
};
use crate::store::{CommitError, WriteSet};

const REGISTER_URL: &str = "RegisterURL";

impl Broker {
    /// Answers a request to the path of RegisterURL.
    pub(super) async fn register_url(self: &Arc<Self>, mut request: Request) -> Answer {
        let call = match self.call(&mut request, self.registration_need(), Interfaces::read_request) {
            Ok(call) => call,
            Err(answer) => return *answer,
        };
        match self.register(&call).await {
            Ok(()) => {
                let response = ResponseDocument::registered();
                self.parts.metrics.answer(&response.response_code);
                soap_answer(call.message.version, write_response(&response, call.message.version))
            }
            Err(refusal) => self.refuse(&request, &call.permit.third_party().name, &refusal),
        }
    }

    /// From which network it must come, as the catalogue says: registering an address moves no money, so
    /// one on the internet may do. Where the catalogue says nothing, it does not.
    pub(super) fn registration_need(&self) -> NetworkKind {
        match self.core().catalogue().command(REGISTER_URL).and_then(|service| service.network) {
            Some(NetworkNeed::Internet) => NetworkKind::Internet,
            Some(NetworkNeed::Vpn) | None => NetworkKind::Vpn,
        }
    }

    async fn register(&self, call: &Call<GenericRequest>) -> Result<(), Refusal> {
        let document = self.document(DocumentKind::RegisterUrl, call)?;
        let wanted = wanted(&document, call.tolerances)?;
        self.count_tolerances(&wanted.tolerances);
        let registration = self.registration_of(call.permit.third_party(), wanted.value)?;
        for _ in 0..CONFLICTS_MAX {
            match self.commit(self.registering(&registration)?).await {
                Ok(_) => {
                    tell_of(&registration);
                    return Ok(());
                }
                // The third party's record was changed meanwhile: whether it still acts for the shortcode
                // is to be asked again.
                Err(CommitError::Expectation(_)) => {}
                Err(CommitError::Busy | CommitError::Full) => return Err(Refusal::Overloaded("the store is full")),
                Err(error) => return Err(Refusal::Internal(error.to_string())),
            }
        }
        Err(Refusal::Internal(format!("in conflict {CONFLICTS_MAX} times in a row")))
    }

    /// What is to be committed, if the third party acts for the shortcode and its servers may be called.
    pub(super) fn registering(&self, registration: &Registration) -> Result<WriteSet, Refusal> {
        let Parts { store, hosts, special_networks, .. } = &self.parts;
        let mut before = WriteSet::new();
        let registered = urls::expect_registration(&**store, &registration.shortcode, &mut before);
        // RegisterURL has no word for a query URL, so it leaves the third party's own as it is.
        let own = registered.map_err(unreadable_store)?.filter(|own| own.third_party == registration.third_party);
        let registration = Registration { query_url: own.and_then(|own| own.query_url), ..registration.clone() };
        let registering = urls::register(&**store, &**hosts, special_networks, &registration);
        let mut write_set = registering.map_err(|error| match error {
            RegisterError::Url { .. } => Refusal::Value { name: "URL", reason: error.to_string() },
            RegisterError::NotActing { shortcode, .. } => Refusal::Shortcode(shortcode),
            RegisterError::Read(error) => unreadable_store(error),
        })?;
        write_set.extend(before);
        Ok(write_set)
    }

    /// What is registered if the third party gets what it wants.
    pub(super) fn registration_of(
        &self,
        third_party: &ThirdParty,
        wanted: UrlRegistration,
    ) -> Result<Registration, Refusal> {
        let shortcode = self.own_shortcode(third_party, &wanted.short_code)?;
        Ok(Registration {
            shortcode: shortcode.as_str().to_owned(),
            validation_url: wanted.validation_url,
            confirmation_url: wanted.confirmation_url,
            query_url: None,
            default_action: match wanted.response_type {
                ResponseType::Completed => DefaultAction::Completed,
                ResponseType::Cancelled => DefaultAction::Cancelled,
            },
            third_party: third_party.name.clone(),
            registered_at: self.parts.clock.now(),
            removed_at: None,
        })
    }

    /// The shortcode of the primary party, if the third party acts for it (S1).
    fn own_shortcode(&self, third_party: &ThirdParty, given: &str) -> Result<Shortcode, Refusal> {
        let shortcode =
            Shortcode::parse(given).map_err(|error| Refusal::Value { name: "ShortCode", reason: error.to_string() })?;
        if !third_party.shortcodes.iter().any(|own| own == shortcode.as_str()) {
            return Err(Refusal::Shortcode(shortcode.as_str().to_owned()));
        }
        match directory::organization(&*self.parts.store, &shortcode).map_err(unreadable_store)? {
            Some(organization) if organization.status.may_receive() => Ok(shortcode),
            Some(organization) => Err(Refusal::Organization(format!("{shortcode} is {:?}", organization.status))),
            None => Err(Refusal::Organization(format!("there is no organization {shortcode}"))),
        }
    }
}

/// What a document of RegisterURL asks for.
pub(super) fn wanted(document: &RequestDocument, tolerances: Tolerances) -> Result<Read<UrlRegistration>, Refusal> {
    if document.command_id != REGISTER_URL {
        return Err(Refusal::Command(document.command_id.clone()));
    }
    UrlRegistration::from_document(document, tolerances).map_err(Refusal::Document)
}

fn tell_of(registration: &Registration) {
    tracing::info!(
        third_party = registration.third_party,
        shortcode = registration.shortcode,
        validation = registration.validation_url,
        confirmation = registration.confirmation_url,
        "URLs registered"
    );
}
