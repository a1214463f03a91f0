//! changePassword: a third party gives itself another password (protocol.md 1.6, 1.8). Unlike all other
//! messages it has no SOAP header: who sends it says so in the body.

use std::fmt;

use crate::soap::{EnvelopeReader, Name, Normalization, Version, Visitor};

use super::document::{CallerHeader, Claimed};
use super::failure::ReadFailure;
use super::markup::{DECLARATION, ENVELOPE_BYTES, RESPONSE, push_all, push_element};
use super::request::{Read, trimmed};
use super::tolerances::ENVELOPE_WHITESPACE;

/// The namespace of changePassword.
const MANAGEMENT: &str = "http://www.csapi.org/schema/management/data/v1_0/local";

/// changePassword.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordChange {
    /// Who says that they call. There is no serviceId.
    pub header: CallerHeader,
    /// The new password, encrypted under the third party's key.
    pub new_password: String,
    /// The version of SOAP it was sent in.
    pub version: Version,
}

impl Claimed for PasswordChange {
    fn header(&self) -> &CallerHeader {
        &self.header
    }
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Reads changePassword.
pub(super) fn password_change(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Result<Read<PasswordChange>, ReadFailure> {
    let mut visitor = ChangeVisitor { normal, depth: 0, change: PasswordChange::default() };
    let opened =
        envelope.read(body, normal, &mut (), &mut visitor).map_err(|error| ReadFailure::from_envelope(&error))?;
    Ok(Read { value: PasswordChange { version: opened.version, ..visitor.change }, tolerances: normal.used() })
}

/// Writes the whole envelope of a changePasswordResponse, in the version of SOAP of the request.
pub fn write_password_changed(code: &str, description: &str, version: Version) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES);
    let envelope = version.namespace();
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<loc:changePasswordResponse xmlns:loc=""#, MANAGEMENT, r#"" xmlns:resp=""#, RESPONSE]);
    out.push_str(r#""><loc:result>"#);
    push_element(&mut out, "resp:ResponseCode", code);
    push_element(&mut out, "resp:ResponseDesc", description);
    out.push_str("</loc:result></loc:changePasswordResponse></soapenv:Body></soapenv:Envelope>");
    out
}

/// Takes the fields of changePassword; items of its extensionInfo are not read.
struct ChangeVisitor<'n> {
    normal: &'n Normalization<'n>,
    depth: usize,
    change: PasswordChange,
}

impl Visitor for ChangeVisitor<'_> {
    fn open(&mut self, _name: &Name<'_>) {
        self.depth += 1;
    }

    fn close(&mut self, name: &Name<'_>, text: &str) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth != 1 {
            return;
        }
        let header = &mut self.change.header;
        // The digest was made over the time stamp as it stands here.
        let text = if name.local == "timeStamp" { text } else { trimmed(text, self.normal, ENVELOPE_WHITESPACE) };
        let some = (!text.is_empty()).then(|| text.to_owned());
        match name.local {
            "spId" => header.sp_id = some.unwrap_or_default(),
            "spPassword" => header.sp_password = some,
            "timeStamp" => header.time_stamp = some,
            "newPassword" => self.change.new_password = some.unwrap_or_default(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{Interfaces, Tolerances};

    const SAMPLE: &str = include_str!("samples/change_password.xml");

    fn read(message: &str) -> Result<PasswordChange, ReadFailure> {
        let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
        interfaces.read_password_change(message.as_bytes(), Tolerances::strict()).map(|read| read.value)
    }

    #[test]
    fn the_caller_is_read_from_the_body() {
        let change = read(SAMPLE).unwrap();
        assert_eq!(change.header.sp_id, "107031");
        assert_eq!(change.header.sp_password.as_deref(), Some("ZGlnZXN0"));
        assert_eq!(change.header.time_stamp.as_deref(), Some("20261123154401"));
        assert_eq!(change.new_password, "wi2a7BAH0QPd2LRdmcgC9w==");
        assert!(!format!("{change:?}").contains("wi2a7BAH"), "a password in words for people");
    }

    #[test]
    fn what_names_nobody_or_no_password_is_a_fault() {
        for wrong in [
            SAMPLE.replace("<loc:spId>107031</loc:spId>", ""),
            SAMPLE.replace("<loc:newPassword>wi2a7BAH0QPd2LRdmcgC9w==</loc:newPassword>", ""),
            SAMPLE.replace("changePassword>", "changeEverything>"),
        ] {
            assert!(matches!(read(&wrong), Err(ReadFailure::Fault(_))), "{wrong}");
        }
    }

    #[test]
    fn the_answer_is_written_to_the_byte() {
        assert_eq!(
            write_password_changed("000000000", "Success", Version::Soap11),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<loc:changePasswordResponse xmlns:loc="http://www.csapi.org/schema/management/data/v1_0/local" "#,
                r#"xmlns:resp="http://api-v1.gen.mm.vodafone.com/mminterface/response"><loc:result>"#,
                "<resp:ResponseCode>000000000</resp:ResponseCode><resp:ResponseDesc>Success</resp:ResponseDesc>",
                "</loc:result></loc:changePasswordResponse></soapenv:Body></soapenv:Envelope>",
            )
        );
    }
}
