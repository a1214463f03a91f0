//! Makes a [`RequestDocument`] of the elements of an inner document, as they pass by. It judges
//! nothing but numbers; whether the document may look like this is its reader's business.

use crate::soap::{Name, Visitor};

use super::document::{InitiatorFields, PartyFields, RequestDocument};

/// A document under way.
#[derive(Default)]
pub(super) struct Collector {
    document: RequestDocument,
    /// The places of the open elements, the root first; what is open further in is not read.
    open: [Place; DEPTH_MAX],
    depth: usize,
    not_a_number: Option<&'static str>,
}

/// As many elements as are open around something that is read, and that itself.
const DEPTH_MAX: usize = 6;

/// Where an element stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Root,
    Transaction,
    Parameters,
    Parameter,
    ReferenceData,
    ReferenceItem,
    Identity,
    Caller,
    Initiator,
    PrimaryParty,
    ReceiverParty,
    /// A field, or something that is not read.
    Other,
}

impl Place {
    fn child(self, local: &str) -> Self {
        match (self, local) {
            (Self::Root, "Transaction") => Self::Transaction,
            (Self::Root, "Identity") => Self::Identity,
            (Self::Transaction, "Parameters") => Self::Parameters,
            (Self::Parameters, "Parameter") => Self::Parameter,
            (Self::Transaction, "ReferenceData") => Self::ReferenceData,
            (Self::ReferenceData, "ReferenceItem") => Self::ReferenceItem,
            (Self::Identity, "Caller") => Self::Caller,
            (Self::Identity, "Initiator") => Self::Initiator,
            (Self::Identity, "PrimaryParty" | "PrimartyParty") => Self::PrimaryParty,
            (Self::Identity, "ReceiverParty") => Self::ReceiverParty,
            _ => Self::Other,
        }
    }
}

impl Collector {
    /// The document, and the name of an element that should have held a small number and did not.
    pub(super) fn finish(self) -> (RequestDocument, Option<&'static str>) {
        (self.document, self.not_a_number)
    }

    /// An element begins.
    pub(super) fn open_local(&mut self, local: &str) {
        let place = if self.depth == 0 { Place::Root } else { self.innermost().child(local) };
        let document = &mut self.document;
        match place {
            Place::Parameter => document.parameters.push(Default::default()),
            Place::ReferenceItem => document.reference_data.push(Default::default()),
            Place::Initiator => document.initiator = Some(InitiatorFields::default()),
            Place::PrimaryParty => document.primary_party = Some(PartyFields::default()),
            Place::ReceiverParty => document.receiver_party = Some(PartyFields::default()),
            _ => {}
        }
        if let Some(open) = self.open.get_mut(self.depth) {
            *open = place;
        }
        self.depth = self.depth.saturating_add(1);
    }

    /// The place of the innermost open element.
    fn innermost(&self) -> Place {
        self.depth.checked_sub(1).and_then(|last| self.open.get(last)).copied().unwrap_or(Place::Other)
    }

    /// An element with this text of its own ends.
    pub(super) fn close_local(&mut self, local: &str, text: &str) {
        self.depth = self.depth.saturating_sub(1);
        let parent = self.innermost();
        if parent == Place::Other {
            return;
        }
        let some = || (!text.is_empty()).then(|| text.to_owned());
        let document = &mut self.document;
        match (parent, local) {
            (Place::Root, "KeyOwner") => self.document.key_owner = self.number("KeyOwner", text),
            (Place::Transaction, "CommandID") => document.command_id = text.to_owned(),
            (Place::Transaction, "LanguageCode") => document.language_code = some(),
            (Place::Transaction, "OriginatorConversationID") => document.originator_conversation_id = text.to_owned(),
            (Place::Transaction, "ConversationID") => document.conversation_id = some(),
            (Place::Transaction, "Remark") => document.remark = some(),
            (Place::Transaction, "EncryptedParameters") => document.encrypted_parameters = some(),
            (Place::Transaction, "Timestamp") => document.timestamp = some(),
            (Place::Parameter, _) => set_pair(document.parameters.last_mut(), local, text),
            (Place::ReferenceItem, _) => set_pair(document.reference_data.last_mut(), local, text),
            (Place::Caller, "CallerType") => document.caller.caller_type = text.to_owned(),
            (Place::Caller, "ThirdPartyID") => document.caller.third_party_id = some(),
            (Place::Caller, "Password") => document.caller.password = some(),
            (Place::Caller, "CheckSum") => document.caller.check_sum = some(),
            (Place::Caller, "ResultURL") => document.caller.result_url = some(),
            (Place::Initiator, _) => self.initiator_field(local, text),
            (Place::PrimaryParty | Place::ReceiverParty, _) => self.party_field(parent, local, text),
            _ => {}
        }
    }

    fn initiator_field(&mut self, local: &str, text: &str) {
        let identifier_type = if local == "IdentifierType" { self.number("IdentifierType", text) } else { None };
        let Some(initiator) = &mut self.document.initiator else { return };
        match local {
            "IdentifierType" => initiator.identifier_type = identifier_type.unwrap_or_default(),
            "Identifier" => initiator.identifier = text.to_owned(),
            "SecurityCredential" => initiator.security_credential = text.to_owned(),
            "ShortCode" if !text.is_empty() => initiator.short_code = Some(text.to_owned()),
            _ => {}
        }
    }

    fn party_field(&mut self, place: Place, local: &str, text: &str) {
        let identifier_type = if local == "IdentifierType" { self.number("IdentifierType", text) } else { None };
        let party = match place {
            Place::PrimaryParty => &mut self.document.primary_party,
            _ => &mut self.document.receiver_party,
        };
        let Some(party) = party else { return };
        match local {
            "IdentifierType" => party.identifier_type = identifier_type.unwrap_or_default(),
            "Identifier" => party.identifier = text.to_owned(),
            "ShortCode" if !text.is_empty() => party.short_code = Some(text.to_owned()),
            _ => {}
        }
    }

    fn number(&mut self, element: &'static str, text: &str) -> Option<u32> {
        let number = text.parse().ok();
        if number.is_none() && self.not_a_number.is_none() {
            self.not_a_number = Some(element);
        }
        number
    }
}

impl Visitor for Collector {
    fn open(&mut self, name: &Name<'_>) {
        self.open_local(name.local);
    }

    fn close(&mut self, name: &Name<'_>, text: &str) {
        self.close_local(name.local, text);
    }
}

fn set_pair(pair: Option<&mut (String, String)>, local: &str, text: &str) {
    match (pair, local) {
        (Some((key, _)), "Key") => text.clone_into(key),
        (Some((_, value)), "Value") => text.clone_into(value),
        _ => {}
    }
}
