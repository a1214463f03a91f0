//! notifyQueueTimeout: tells the QueueTimeoutURL that a request expired and will never be executed
//! (protocol.md 3.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::markup::{DECLARATION, ENVELOPE, ENVELOPE_BYTES, push_all, push_element};

/// The namespace of notifyQueueTimeout.
const NOTIFICATION: &str = "http://www.csapi.org/schema/timeoutnotification/data/v1_0/local";
/// Characters on a line of base64, as receivers know them.
const LINE_CHARACTERS: usize = 76;

/// Writes the whole envelope. `original_envelope` is the request as it came, without its SOAP header
/// (see [`GenericRequest::without_header`](super::GenericRequest::without_header)).
pub fn write_queue_timeout(originator_conversation_id: &str, original_envelope: &[u8]) -> String {
    let original = STANDARD.encode(original_envelope);
    let lines = original.len() / LINE_CHARACTERS;
    let mut out = String::with_capacity(ENVELOPE_BYTES + originator_conversation_id.len() + original.len() + lines);
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#"">"#]);
    push_all(&mut out, &[r#"<soapenv:Body><loc:notifyQueueTimeout xmlns:loc=""#, NOTIFICATION, r#"">"#]);
    push_element(&mut out, "loc:originatorConversationID", originator_conversation_id);
    out.push_str("<loc:originRequest>");
    push_lines(&mut out, &original);
    out.push_str("</loc:originRequest></loc:notifyQueueTimeout></soapenv:Body></soapenv:Envelope>");
    out
}

fn push_lines(out: &mut String, base64: &str) {
    let mut rest = base64;
    while let Some((line, after)) = rest.split_at_checked(LINE_CHARACTERS) {
        out.push_str(line);
        if after.is_empty() {
            return;
        }
        out.push('\n');
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_written_to_the_byte() {
        assert_eq!(
            write_queue_timeout(
                "600000_Duka_1",
                b"<soapenv:Envelope><soapenv:Body>a request</soapenv:Body></soapenv:Envelope>"
            ),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<loc:notifyQueueTimeout xmlns:loc="http://www.csapi.org/schema/timeoutnotification/data/v1_0/local">"#,
                "<loc:originatorConversationID>600000_Duka_1</loc:originatorConversationID><loc:originRequest>",
                "PHNvYXBlbnY6RW52ZWxvcGU+PHNvYXBlbnY6Qm9keT5hIHJlcXVlc3Q8L3NvYXBlbnY6Qm9keT48\n",
                "L3NvYXBlbnY6RW52ZWxvcGU+",
                "</loc:originRequest></loc:notifyQueueTimeout></soapenv:Body></soapenv:Envelope>",
            )
        );
    }

    #[test]
    fn no_line_is_empty_or_too_long() {
        for bytes in [0, 1, 56, 57, 58, 113, 114, 115, 1000] {
            let mut out = String::new();
            let base64 = STANDARD.encode(vec![7; bytes]);
            push_lines(&mut out, &base64);
            assert_eq!(out.replace('\n', ""), base64);
            assert!(out.lines().all(|line| !line.is_empty() && line.len() <= LINE_CHARACTERS));
            assert!(!out.ends_with('\n'));
        }
    }
}
