//! RegisterURL, in the forms that programs send.

use super::*;
use crate::mminterface::{ResponseType, UrlRegistration};

#[test]
fn registrations_are_read_in_every_form() {
    let rows = [
        (
            REGISTER_URL,
            ResponseType::Completed,
            "http://10.66.49.201:9090/validate",
            "http://10.66.49.201:9090/confirm",
        ),
        (REGISTER_URL_MINIMAL, ResponseType::Cancelled, "http://10.66.49.201:9090/c2b", "http://10.66.49.201:9090/c2b"),
    ];
    for (message, response_type, validation_url, confirmation_url) in rows {
        let (request, document) = read(message, DocumentKind::RegisterUrl, Tolerances::default()).unwrap();
        assert_eq!(request.value.header.service_id.as_deref(), Some("107031001"));
        assert_eq!(document.value.initiator, None);
        assert_eq!(
            UrlRegistration::from_document(&document.value, Tolerances::default()).map(|read| read.value),
            Ok(UrlRegistration {
                short_code: "600000".into(),
                validation_url: Some(validation_url.into()),
                confirmation_url: confirmation_url.into(),
                response_type,
            })
        );
    }
}

#[test]
fn a_registration_is_refused_with_what_it_lacks() {
    let rows = [
        (
            "<Value>Completed</Value>",
            "<Value>Perhaps</Value>",
            "25",
            "The format of parameter ResponseType is invalid.",
        ),
        ("<Key>ResponseType</Key>", "<Key>Type</Key>", "24", "The mandatory parameter ResponseType is missing."),
        ("<Key>ConfirmationURL</Key>", "<Key>URL</Key>", "100000014", "Missing mandatory parameter:ConfirmationURL"),
        ("<ShortCode>600000</ShortCode>", "", "100000014", "Missing mandatory parameter:ShortCode"),
        ("RegisterURL", "BusinessPayment", "1002", "The CommandID is invalid."),
        ("</Transaction>", "", "23", "The request message structure is invalid."),
        ("<request", "<requests", "23", "The request message structure is invalid."),
    ];
    for (from, to, code, description) in rows {
        assert!(REGISTER_URL.contains(from));
        let failure = read(&REGISTER_URL.replace(from, to), DocumentKind::RegisterUrl, Tolerances::default())
            .and_then(|(_, document)| Ok(UrlRegistration::from_document(&document.value, Tolerances::default())?))
            .unwrap_err();
        match failure {
            ReadFailure::Refused { code: actual, description: words, .. } => {
                assert_eq!((actual, words.as_str()), (code, description));
            }
            ReadFailure::Fault(fault) => panic!("{fault:?}"),
        }
    }
}

#[test]
fn every_form_of_the_response_type_is_understood() {
    for (sent, expected, tolerances) in [
        ("Completed", ResponseType::Completed, vec![]),
        ("Cancelled", ResponseType::Cancelled, vec![]),
        ("complete", ResponseType::Completed, vec!["response-type-words"]),
        ("CANCELLED", ResponseType::Cancelled, vec!["response-type-words"]),
        ("cancel", ResponseType::Cancelled, vec!["response-type-words"]),
        ("Cancel", ResponseType::Cancelled, vec!["response-type-words"]),
    ] {
        let message = REGISTER_URL.replace("<Value>Completed</Value>", &format!("<Value>{sent}</Value>"));
        let (_, document) = read(&message, DocumentKind::RegisterUrl, Tolerances::default()).unwrap();
        let registration = UrlRegistration::from_document(&document.value, Tolerances::default()).unwrap();
        assert_eq!((registration.value.response_type, registration.tolerances.clone()), (expected, tolerances));
        let strict = UrlRegistration::from_document(&document.value, Tolerances::strict());
        assert_eq!(strict.is_ok(), registration.tolerances.is_empty(), "{sent}");
    }
}
