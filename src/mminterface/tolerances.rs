//! What real clients send and the schemas do not allow, and what is done about it: one table. Each
//! row has a name, which is counted when it is used and can be switched for each third party.
//!
//! `soap` knows how to bend a message; this module knows which bends there are, and why.

use std::sync::LazyLock;

use super::markup::{ENVELOPE, REQUEST};
use crate::soap::{Mechanism, Normalization, RuleSet, Rules};

/// One row of the table.
#[derive(Debug)]
pub struct Tolerance {
    /// Its name.
    pub name: &'static str,
    /// What it lets through.
    pub accepts: &'static str,
    /// Who sends that.
    pub seen: &'static str,
    /// Whether it is on where nobody says otherwise.
    pub on: bool,
    part: Part,
    mechanisms: &'static [Mechanism],
}

/// The part of a message that a tolerance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Envelope,
    Document,
    Both,
    /// What a third party's server answers.
    Answer,
}

/// The namespace of the request header in the WSDL.
const HEADER: &str = "http://www.huawei.com.cn/schema/common/v2_1";
/// The namespace of the request header in most samples.
const HEADER_OSG: &str = "http://www.huawei.com/schema/osg/common/v2_1";

/// Messages in other clothes than SOAP's; applied by this module before anything is read.
pub(super) const CONTENT_TYPE: &str = "content-type";
/// A charset that is not the bytes'; applied by this module before anything is read.
pub(super) const CHARSET_PARAMETER: &str = "charset-parameter";
/// An spPassword in another form; applied by whoever checks it.
pub const RAW_DIGEST: &str = "raw-digest";
/// RegisterURL that fits no schema; applied by this module.
pub(super) const REGISTER_URL_FREE_FORM: &str = "register-url-free-form";
/// Other words for what a RegisterURL wants; applied by this module.
pub(super) const RESPONSE_TYPE_WORDS: &str = "response-type-words";
/// A validation's answer that fits no schema; applied by this module.
pub(super) const ANSWER_FREE_FORM: &str = "answer-free-form";
/// An acknowledgement that fits no schema; applied by this module.
pub(super) const ACKNOWLEDGEMENT_FREE_FORM: &str = "acknowledgement-free-form";
/// White space around the values of an envelope; applied by this module, because the text of
/// `RequestMsg` must stay as it is.
pub(super) const ENVELOPE_WHITESPACE: &str = "envelope-whitespace";
/// White space around values; applied by this module to what has no schema.
pub(super) const VALUE_WHITESPACE: &str = "value-whitespace";
/// White space before an inner document's declaration; applied by this module.
pub(super) const INNER_WHITESPACE: &str = "inner-whitespace";
/// spId and its neighbours right under Header; applied by this module.
pub(super) const HEADER_WITHOUT_WRAPPER: &str = "header-without-wrapper";

/// The table.
pub static TABLE: &[Tolerance] = &[
    Tolerance {
        name: CONTENT_TYPE,
        accepts: "Content-Type application/xml, or none",
        seen: "early Node programs; integration platforms that set no header",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: CHARSET_PARAMETER,
        accepts: "a charset in Content-Type that the bytes are not in; the declaration decides",
        seen: "a header copied from a sample, before texts that the program writes in an encoding of its own",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "envelope-namespace",
        accepts: "the envelope's namespace without its last slash",
        seen: "a test file that was passed from hand to hand",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::MapNamespace { from: "http://schemas.xmlsoap.org/soap/envelope", to: ENVELOPE }],
    },
    Tolerance {
        name: "envelope-unqualified",
        accepts: "Envelope, Header and Body in no namespace",
        seen: "programs that write the envelope by hand",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::MapNamespace { from: "", to: ENVELOPE }],
    },
    Tolerance {
        name: "header-namespace-osg",
        accepts: "RequestSOAPHeader in http://www.huawei.com/schema/osg/common/v2_1",
        seen: "all B2B and RegisterURL samples, and most programs made from them",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::MapNamespace { from: HEADER_OSG, to: HEADER }],
    },
    Tolerance {
        name: "header-children-unqualified",
        accepts: "RequestSOAPHeader or its children in no namespace",
        seen: "Java programs that make the header by hand with unqualified names; early Node programs",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::MapNamespace { from: "", to: HEADER }],
    },
    Tolerance {
        name: HEADER_WITHOUT_WRAPPER,
        accepts: "spId, spPassword, serviceId and timeStamp right under Header",
        seen: "early Node programs",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "header-order",
        accepts: "the children of RequestSOAPHeader in any order",
        seen: "timeStamp before serviceId in half of all programs",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::AnyOrder],
    },
    Tolerance {
        name: "header-unknown-elements",
        accepts: "children of RequestSOAPHeader that it does not have; they are not read",
        seen: "OA and FA of the specification's second example; linkid and others of the operator's older platform",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::IgnoreUnknownElements],
    },
    Tolerance {
        name: RAW_DIGEST,
        accepts: "base64 of the raw digest as spPassword, beside that of its digits",
        seen: "an early client program in Node, before it was mended",
        on: false,
        part: Part::Envelope,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "message-namespace",
        accepts: "RequestMsg in another namespace or in none",
        seen: "programs that write the envelope by hand",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::AnyNamespace { elements: &["RequestMsg"] }],
    },
    Tolerance {
        name: "message-as-elements",
        accepts: "the document as elements inside RequestMsg, where its text belongs",
        seen: "programs that build the whole message with an XML library",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::ElementsAsText],
    },
    Tolerance {
        name: "query-transcation",
        accepts: "queryTranscation for queryTransaction",
        seen: "classes generated from the service's first schema",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::RenameElement { from: "queryTranscation", to: "queryTransaction" }],
    },
    Tolerance {
        name: "query-namespaces",
        accepts: "what queryTransaction holds, in other namespaces or in none",
        seen: "programs that write the envelope by hand: the service's elements are of two namespaces",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::AnyNamespace {
            elements: &["originatorConversationID", "extensionInfo", "item", "Key", "Value"],
        }],
    },
    Tolerance {
        name: "envelope-stray-text",
        accepts: "text between the elements of an envelope",
        seen: "non-breaking spaces copied with the samples of the C2B specification",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::IgnoreStrayText],
    },
    Tolerance {
        name: ENVELOPE_WHITESPACE,
        accepts: "white space around spId, spPassword and serviceId, and around what queryTransaction holds",
        seen: "programs that print each value on a line of its own",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "envelope-left-open",
        accepts: "an envelope whose last end tag is missing",
        seen: "the printed sample of queryTransaction and a program made from it",
        on: true,
        part: Part::Envelope,
        mechanisms: &[Mechanism::RootLeftOpen],
    },
    Tolerance {
        name: "encoding-label",
        accepts: "a declaration that claims another encoding than UTF-8, over valid UTF-8",
        seen: "documents declared as \"UTF8\"; .NET strings declared as utf-16",
        on: true,
        part: Part::Both,
        mechanisms: &[Mechanism::EncodingLabel],
    },
    Tolerance {
        name: INNER_WHITESPACE,
        accepts: "white space, non-breaking spaces or a byte order mark around the inner document",
        seen: "programs that put a space or a line break between CDATA and the declaration",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "root-capital-request",
        accepts: "Request for request",
        seen: "three PHP programs in production",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::RenameElement { from: "Request", to: "request" }],
    },
    Tolerance {
        name: "primarty-party",
        accepts: "PrimartyParty for PrimaryParty",
        seen: "the B2C specification's second example and programs made from it",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::RenameElement { from: "PrimartyParty", to: "PrimaryParty" }],
    },
    Tolerance {
        name: "document-unqualified",
        accepts: "an inner document, or elements of it, in no namespace",
        seen: "programs that build the document with a library and lose the default namespace",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::MapNamespace { from: "", to: REQUEST }],
    },
    Tolerance {
        name: "element-order",
        accepts: "the inner document's elements in any order",
        seen: "a payment company in production since 2019: Remark first, ShortCode before Identifier",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::AnyOrder],
    },
    Tolerance {
        name: "unknown-elements",
        accepts: "elements that the schema does not have; they are not read",
        seen: "Requester, CallerTypeID, a ShortCode in AccessDevice",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::IgnoreUnknownElements],
    },
    Tolerance {
        name: "stray-text",
        accepts: "text between the inner document's elements",
        seen: "\"every new request\" and page footers copied from the specification; non-breaking spaces",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::IgnoreStrayText],
    },
    Tolerance {
        name: VALUE_WHITESPACE,
        accepts: "white space around keys and values; it is taken away",
        seen: "\" AccountReference\", values on lines of their own, \" \" for nothing",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::TrimValues],
    },
    Tolerance {
        name: REGISTER_URL_FREE_FORM,
        accepts: "a RegisterURL that lacks what the schema of requests demands; it is read by local names",
        seen: "every RegisterURL in use: the specification's own sample has no Timestamp and empty numbers",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: RESPONSE_TYPE_WORDS,
        accepts: "Complete, Cancel and Canceled for Completed and Cancelled, in any case",
        seen: "\"complete or cancel\" in the specification's prose, and a PHP program made from it",
        on: true,
        part: Part::Document,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: "answer-misspelled-id",
        accepts: "ThirdPartyTransactionID for ThirdPartyTransID in the answer to a validation",
        seen: "a receiver in Go",
        on: true,
        part: Part::Answer,
        mechanisms: &[Mechanism::RenameElement { from: "ThirdPartyTransactionID", to: "ThirdPartyTransID" }],
    },
    Tolerance {
        name: ANSWER_FREE_FORM,
        accepts: "an answer to a validation that does not fit the schema; it is read by local names",
        seen: "replies written by hand: in no namespace or a broken one, qualified, after white space, as HTML",
        on: true,
        part: Part::Answer,
        mechanisms: &[Mechanism::Named],
    },
    Tolerance {
        name: ACKNOWLEDGEMENT_FREE_FORM,
        accepts: "an acknowledgement that does not fit its schema; it is read by local names",
        seen: "most receivers: ResponseMsg in no namespace, the document as child elements or without an envelope",
        on: true,
        part: Part::Answer,
        mechanisms: &[Mechanism::Named],
    },
];

/// The tolerances that are on for one third party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerances {
    envelope: RuleSet,
    document: RuleSet,
    answer: RuleSet,
}

impl Default for Tolerances {
    fn default() -> Self {
        static SHIPPED: LazyLock<Tolerances> = LazyLock::new(|| {
            TABLE.iter().filter(|row| row.on).fold(Tolerances::strict(), |set, row| set.with(row.name))
        });
        *SHIPPED
    }
}

impl Tolerances {
    /// None: only what the schemas allow.
    pub fn strict() -> Self {
        Self { envelope: RULES.envelope.none(), document: RULES.document.none(), answer: RULES.answer.none() }
    }

    /// These and the one of this name; a name that the table does not have changes nothing.
    #[must_use]
    pub fn with(self, name: &str) -> Self {
        Self {
            envelope: self.envelope.with(RULES.envelope.set(&[name])),
            document: self.document.with(RULES.document.set(&[name])),
            answer: self.answer.with(RULES.answer.set(&[name])),
        }
    }

    /// These without the one of this name.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        Self {
            envelope: self.envelope.without(RULES.envelope.set(&[name])),
            document: self.document.without(RULES.document.set(&[name])),
            answer: self.answer.without(RULES.answer.set(&[name])),
        }
    }

    /// Whether the table has a row of this name.
    pub fn is_known(name: &str) -> bool {
        TABLE.iter().any(|row| row.name == name)
    }

    /// For reading one envelope.
    pub(super) fn envelope(self) -> Normalization<'static> {
        Normalization::new(&RULES.envelope, self.envelope)
    }

    /// For reading one inner document.
    pub(super) fn document(self) -> Normalization<'static> {
        Normalization::new(&RULES.document, self.document)
    }

    /// For reading one answer of a third party's server.
    pub(super) fn answer(self) -> Normalization<'static> {
        Normalization::new(&RULES.answer, self.answer)
    }
}

/// The table as `soap` takes it.
struct Tables {
    envelope: Rules,
    document: Rules,
    answer: Rules,
}

static RULES: LazyLock<Tables> = LazyLock::new(|| Tables {
    envelope: rules(&[Part::Envelope, Part::Both]),
    document: rules(&[Part::Document, Part::Both]),
    answer: rules(&[Part::Answer]),
});

fn rules(parts: &[Part]) -> Rules {
    let mut rules = Rules::new();
    for row in TABLE.iter().filter(|row| parts.contains(&row.part)) {
        for &mechanism in row.mechanisms {
            let added = rules.add(row.name, mechanism);
            debug_assert!(added, "the table has more rows than fit into a set");
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_known() {
        let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(names.iter().all(|name| Tolerances::is_known(name)));
        assert!(!Tolerances::is_known("anything-goes"));
    }

    #[test]
    fn every_row_can_be_switched() {
        for row in TABLE {
            let alone = Tolerances::strict().with(row.name);
            assert_ne!(alone, Tolerances::strict(), "{}", row.name);
            assert_eq!(alone.without(row.name), Tolerances::strict(), "{}", row.name);
        }
        assert_eq!(Tolerances::strict().with("anything-goes"), Tolerances::strict());
    }
}
