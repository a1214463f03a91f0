//! One pass over an envelope: where it is, what may come there, and who sees it.

use std::ops::Range;

use super::spelled::Spelled;
use super::{EnvelopeError, EnvelopePart, EnvelopeReader, Version};
use crate::soap::characters::is_blank;
use crate::soap::fault::FaultCode;
use crate::soap::names::{Name, QName};
use crate::soap::normalize::{Mechanism, Normalization};
use crate::soap::reader::{Blanks, Reader, Run, Start};
use crate::soap::schema::{Content, ElementId};
use crate::soap::validate::{Problem, Validator, Violation, ViolationKind, Visitor};
use crate::soap::{Place, XmlReason};

/// Where the pass is, outside the elements that the validator has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Outside,
    Envelope,
    Header,
    AfterHeader,
    Body,
    AfterBody,
}

/// Who sees what.
pub(super) struct Visitors<'v> {
    pub(super) header: &'v mut dyn Visitor,
    pub(super) body: &'v mut dyn Visitor,
}

impl Visitors<'_> {
    fn of(&mut self, stage: Stage) -> &mut dyn Visitor {
        if stage == Stage::Header { &mut *self.header } else { &mut *self.body }
    }
}

/// One pass over an envelope.
pub(super) struct Pass<'p, 'i> {
    reader: &'p EnvelopeReader<'p>,
    normal: &'p Normalization<'p>,
    validator: Validator<'p, 'p, 'i>,
    stage: Stage,
    pub(super) version: Version,
    /// The envelope's namespace as it was sent, if that is not the version's own: that of its
    /// attributes, too.
    sent_namespace: Option<String>,
    pub(super) body: Option<ElementId>,
    /// Header blocks that came: each may come once, lest two readers heed different ones. Most messages
    /// have one, which needs no list.
    first_block: Option<ElementId>,
    more_blocks: Vec<ElementId>,
    pub(super) header: Option<Range<usize>>,
    header_open: bool,
    /// Elements inside a body that is text, written as that text.
    spelled: Spelled,
    not_understood: Option<Box<QName>>,
}

/// What goes wrong in a pass, and whose fault that is.
pub(super) type Step = Result<(), (FaultCode, Problem)>;

impl<'p, 'i> Pass<'p, 'i> {
    pub(super) fn new(reader: &'p EnvelopeReader<'p>, normal: &'p Normalization<'p>) -> Self {
        Self {
            reader,
            normal,
            validator: Validator::new(reader.schema, normal),
            stage: Stage::Outside,
            version: Version::default(),
            sent_namespace: None,
            body: None,
            first_block: None,
            more_blocks: Vec::new(),
            header: None,
            header_open: false,
            spelled: Spelled::new(reader.limits.text_bytes_max),
            not_understood: None,
        }
    }

    pub(super) fn refuse(&self, code: FaultCode, violation: Violation) -> EnvelopeError {
        let part = match self.stage {
            Stage::Header => EnvelopePart::Header,
            Stage::Body => EnvelopePart::Body,
            Stage::Outside | Stage::Envelope | Stage::AfterHeader | Stage::AfterBody => EnvelopePart::Envelope,
        };
        let not_understood = self.not_understood.clone();
        EnvelopeError { version: self.version, part, code, violation: Box::new(violation), not_understood }
    }

    /// Whether white space means anything where the pass is.
    pub(super) fn blanks(&self) -> Blanks {
        if self.spelled.is_open() { Blanks::Given } else { self.validator.blanks() }
    }

    /// Notes which bytes are the Header, from the event that opened it to the one that closed it.
    pub(super) fn mark_header(&mut self, reader: &Reader<'_>) {
        match (self.stage, &mut self.header) {
            (Stage::Header, None) => {
                self.header = Some(reader.event_offset()..reader.offset());
                self.header_open = true;
            }
            (Stage::AfterHeader, Some(bytes)) if self.header_open => {
                bytes.end = reader.offset();
                self.header_open = false;
            }
            _ => {}
        }
    }

    pub(super) fn start(&mut self, start: &Start<'_>, place: &Place<'_>, visitors: &mut Visitors<'_>) -> Step {
        if self.validator.is_open() {
            let visitor = visitors.of(self.stage);
            if self.stage == Stage::Body && self.body_is_text() && self.normal.use_switch(Mechanism::ElementsAsText) {
                let markup = self.spelled.start(start).map_err(malformed_here)?;
                return client(self.validator.text(Run::Made(markup), place, visitor));
            }
            return client(self.validator.start(start, visitor));
        }
        match self.stage {
            Stage::Outside => self.envelope(start),
            Stage::Envelope if self.is_part(start.name, "Header") => self.enter(start, Stage::Header),
            Stage::Envelope | Stage::AfterHeader if self.is_part(start.name, "Body") => {
                self.stage = Stage::Body;
                Ok(())
            }
            Stage::Envelope => Err(unexpected(start.name, "Header or Body")),
            Stage::AfterHeader => Err(unexpected(start.name, "Body")),
            Stage::AfterBody => Err(unexpected(start.name, "the end of the envelope")),
            Stage::Header => self.block(start, visitors.of(Stage::Header)),
            Stage::Body => self.content(start, visitors.of(Stage::Body)),
        }
    }

    fn envelope(&mut self, start: &Start<'_>) -> Step {
        const VERSIONS: [Version; 2] = [Version::Soap11, Version::Soap12];
        let sent = start.name;
        let envelope = |version: Version| Name { namespace: version.namespace(), local: "Envelope" };
        let version = VERSIONS.into_iter().find(|&version| sent == envelope(version)).or_else(|| {
            self.normal.rename(sent, |wanted| VERSIONS.into_iter().find(|&version| wanted.fits(envelope(version))))
        });
        match version {
            Some(version) => {
                self.version = version;
                self.sent_namespace = (sent.namespace != version.namespace()).then(|| sent.namespace.to_owned());
                self.validator.allow_on_roots(version.namespace());
                self.enter(start, Stage::Envelope)
            }
            None if sent.local == "Envelope" => {
                let kind = ViolationKind::Unexpected { element: sent.local.to_owned() };
                let expected = VERSIONS.map(Version::namespace).join(" or ");
                Err((FaultCode::VersionMismatch, Problem::here(kind, &expected, &sent.to_string())))
            }
            None => Err(unexpected(sent, "a SOAP Envelope")),
        }
    }

    /// Enters Envelope or Header, whose attributes must be in a namespace.
    fn enter(&mut self, start: &Start<'_>, stage: Stage) -> Step {
        if let Some(attribute) = start.attributes().find(|attribute| attribute.name.namespace.is_empty())
            && !self.normal.use_switch(Mechanism::IgnoreUnknownAttributes)
        {
            let element = start.name.local.to_owned();
            let kind = ViolationKind::Attribute { element, attribute: attribute.name.local.to_owned() };
            return Err((FaultCode::Client, Problem::here(kind, "no such attribute", "one")));
        }
        self.stage = stage;
        Ok(())
    }

    fn is_part(&self, sent: Name<'_>, local: &str) -> bool {
        let part = Name { namespace: self.version.namespace(), local };
        sent == part || self.normal.rename(sent, |wanted| wanted.fits(part).then_some(())).is_some()
    }

    fn block(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Step {
        if let Some(element) = self.validator.identify(start.name, self.reader.headers.iter().copied()) {
            if self.first_block == Some(element) || self.more_blocks.contains(&element) {
                return Err(unexpected(start.name, "each header block once"));
            }
            match self.first_block {
                None => self.first_block = Some(element),
                Some(_) => self.more_blocks.push(element),
            }
            return client(self.validator.open_root(element, start, visitor));
        }
        if self.must_understand(start)? {
            self.not_understood = Some(Box::new(start.name.to_owned()));
            let kind = ViolationKind::Unexpected { element: start.name.local.to_owned() };
            let problem = Problem::here(kind, "header blocks that are understood", &start.name.to_string());
            return Err((FaultCode::MustUnderstand, problem));
        }
        self.validator.open_free(start, visitor);
        Ok(())
    }

    /// Whether an unknown block demands to be understood, by us and not by another node on the way.
    fn must_understand(&self, start: &Start<'_>) -> Result<bool, (FaultCode, Problem)> {
        let value = |local: &str| {
            let is_soaps = |name: Name<'_>| {
                name.local == local
                    && (name.namespace == self.version.namespace()
                        || self.sent_namespace.as_deref() == Some(name.namespace))
            };
            start.attributes().find(|attribute| is_soaps(attribute.name)).map(|attribute| attribute.value.trim())
        };
        let demanded = match value("mustUnderstand") {
            None | Some("0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                let element = start.name.local.to_owned();
                let kind = ViolationKind::Attribute { element, attribute: "mustUnderstand".to_owned() };
                return Err((FaultCode::Client, Problem::here(kind, "0 or 1", "something else")));
            }
        };
        let addressee = match self.version {
            Version::Soap11 => value("actor"),
            Version::Soap12 => value("role"),
        };
        let ours = match addressee {
            None | Some("") => true,
            Some(role) => ROLES.contains(&role),
        };
        Ok(demanded && ours)
    }

    fn content(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Step {
        if self.body.is_some() {
            return Err(unexpected(start.name, "one element in the body"));
        }
        let Some(element) = self.validator.identify(start.name, self.reader.bodies.iter().copied()) else {
            let names = self.reader.bodies.iter().map(|&body| self.reader.schema.element_name(body).to_string());
            let expected = names.collect::<Vec<_>>().join(" or ");
            let kind = ViolationKind::Unexpected { element: start.name.local.to_owned() };
            return Err((FaultCode::Client, Problem::here(kind, &expected, &start.name.to_string())));
        };
        self.body = Some(element);
        client(self.validator.open_root(element, start, visitor))
    }

    /// Whether the element in the body holds text and nothing else.
    fn body_is_text(&self) -> bool {
        let schema = self.reader.schema;
        let kind = self.body.and_then(|body| schema.declaration(body)).and_then(|element| schema.kind(element.kind));
        kind.is_some_and(|kind| matches!(kind.content, Content::Simple(_)))
    }

    pub(super) fn text(&mut self, run: Run<'i, '_>, place: &Place<'_>, visitors: &mut Visitors<'_>) -> Step {
        if self.validator.is_open() {
            let visitor = visitors.of(self.stage);
            if self.spelled.is_open() {
                let markup = self.spelled.text(run.as_str()).map_err(malformed_here)?;
                return client(self.validator.text(Run::Made(markup), place, visitor));
            }
            return client(self.validator.text(run, place, visitor));
        }
        if is_blank(run.as_str()) || self.normal.use_switch(Mechanism::IgnoreStrayText) {
            return Ok(());
        }
        let element = match self.stage {
            Stage::Header => "Header",
            Stage::Body => "Body",
            _ => "Envelope",
        };
        let kind = ViolationKind::StrayText { element: element.to_owned() };
        Err((FaultCode::Client, Problem::here(kind, "elements only", "text")))
    }

    pub(super) fn end(&mut self, sent: Name<'_>, place: &Place<'_>, visitors: &mut Visitors<'_>) -> Step {
        if self.validator.is_open() {
            let visitor = visitors.of(self.stage);
            if self.spelled.is_open() {
                let markup = self.spelled.end(sent).map_err(malformed_here)?;
                return client(self.validator.text(Run::Made(markup), place, visitor));
            }
            return client(self.validator.end(sent, visitor));
        }
        let missing = match self.stage {
            Stage::Header => {
                self.stage = Stage::AfterHeader;
                return Ok(());
            }
            Stage::Body if self.body.is_some() => {
                self.stage = Stage::AfterBody;
                return Ok(());
            }
            Stage::AfterBody => return Ok(()),
            Stage::Body => match self.reader.bodies.first() {
                Some(&body) => self.reader.schema.element_name(body).local,
                None => "an element",
            },
            Stage::Envelope | Stage::AfterHeader | Stage::Outside => "Body",
        };
        Err((FaultCode::Client, Problem::missing_child(missing)))
    }
}

/// The roles that are ours: the next node, and the last.
const ROLES: [&str; 3] = [
    "http://schemas.xmlsoap.org/soap/actor/next",
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
];

fn malformed_here(reason: XmlReason) -> (FaultCode, Problem) {
    let (expected, found) = ("well-formed XML within the limits", reason.to_string());
    (FaultCode::Client, Problem::here(ViolationKind::Malformed(reason), expected, &found))
}

fn client(result: Result<(), Problem>) -> Step {
    result.map_err(|problem| (FaultCode::Client, problem))
}

fn unexpected(found: Name<'_>, expected: &str) -> (FaultCode, Problem) {
    let kind = ViolationKind::Unexpected { element: found.local.to_owned() };
    (FaultCode::Client, Problem::here(kind, expected, &found.to_string()))
}
