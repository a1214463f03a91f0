//! What hostile messages cost: eight times the message may cost eight times the work, and no more.
//! Work is the processor time of the reading thread, the least of several tries, so that neither a slow
//! machine nor a busy one matters.

use std::collections::BTreeMap;
use std::time::Duration;

use lango::mminterface::{DocumentKind, Interfaces, Tolerances};
use lango::soap::Limits;
use rustix::time::{ClockId, clock_gettime};

const SMALL: usize = 1000;
const TIMES: usize = 8;
/// How much dearer a byte of the large message may be. Work that grows with the square of the message
/// makes it eight times dearer; caches and allocators make for less than two.
const DEARER_MAX: f64 = 3.0;
const TRIES: usize = 4;

const HEAD: &str = "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/' \
    xmlns:req='http://api-v1.gen.mm.vodafone.com/mminterface/request'><soapenv:Header>";
const HEADER: &str = "<tns:RequestSOAPHeader xmlns:tns='http://www.huawei.com.cn/schema/common/v2_1'>\
    <tns:spId>107031</tns:spId><tns:spPassword>ZGlnZXN0</tns:spPassword><tns:serviceId>107031000</tns:serviceId>\
    <tns:timeStamp>20261123154401</tns:timeStamp>";
const INNER: &str = "<request xmlns='http://api-v1.gen.mm.vodafone.com/mminterface/request'><Transaction>\
    <CommandID>BusinessPayment</CommandID><OriginatorConversationID>1</OriginatorConversationID><Parameters>";
const INNER_END: &str = "</Parameters><Timestamp>2026-11-23T15:44:01Z</Timestamp></Transaction><Identity><Caller>\
    <CallerType>2</CallerType></Caller><Initiator><IdentifierType>11</IdentifierType><Identifier>a</Identifier>\
    <SecurityCredential>YQ==</SecurityCredential></Initiator></Identity><KeyOwner>1</KeyOwner></request>";
const PARAMETER: &str = "<Parameter><Key>Amount</Key><Value>100.00</Value></Parameter>";

/// A message with these pieces in the header block, in the body before the document, and among the
/// document's parameters.
fn message(header: &str, before: &str, document: &str) -> String {
    format!(
        "{HEAD}{HEADER}{header}</tns:RequestSOAPHeader></soapenv:Header><soapenv:Body><req:RequestMsg>{before}{document}\
         </req:RequestMsg></soapenv:Body></soapenv:Envelope>"
    )
}

fn in_section(pieces: &str) -> String {
    format!("<![CDATA[{INNER}{pieces}{INNER_END}]]>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Messages of any size, each with much of one thing that a reader could stumble over.
fn shapes() -> BTreeMap<&'static str, fn(usize) -> String> {
    BTreeMap::from([
        ("header children", (|n| message(&"<tns:x>1</tns:x>".repeat(n), "", &in_section(""))) as fn(usize) -> String),
        ("header blocks", |n| {
            let blocks = "<a:b xmlns:a='urn:a'>1</a:b>".repeat(n);
            message(&format!("</tns:RequestSOAPHeader>{blocks}<tns:x xmlns:tns='urn:x'>"), "", &in_section(""))
                .replace("</tns:RequestSOAPHeader></soapenv:Header>", "</tns:x></soapenv:Header>")
        }),
        ("CDATA sections", |n| message("", &"<![CDATA[ ]]>".repeat(n), &in_section(""))),
        ("references", |n| message("", &"&#32;".repeat(n), &escaped(&format!("{INNER}{INNER_END}")))),
        ("comments", |n| message("", &"<!-- - -->".repeat(n), &in_section(""))),
        ("line ends", |n| message("", "", &in_section(&"\r\n\r".repeat(n)))),
        ("parameters", |n| message("", "", &in_section(&PARAMETER.repeat(n)))),
        ("parameters as elements", |n| message("", "", &format!("{INNER}{}{INNER_END}", PARAMETER.repeat(n)))),
        ("parameters escaped", |n| message("", "", &escaped(&format!("{INNER}{}{INNER_END}", PARAMETER.repeat(n))))),
        ("unknown elements", |n| message("", "", &in_section(&"<x><y><z/></y></x>".repeat(n)))),
        ("declarations", |n| {
            let declaring = "<x xmlns:a='1' xmlns:b='2' xmlns:c='3' xmlns:d='4'><a:y a:k='1' b:k='2'/></x>";
            message("", "", &in_section(&declaring.repeat(n)))
        }),
        ("deep elements", |n| {
            let deep = format!("{}{}", "<x xmlns:a='1'>".repeat(20), "</x>".repeat(20));
            message("", "", &in_section(&deep.repeat(n / 10)))
        }),
        ("stray text", |n| message("", "", &in_section(&format!("stray{PARAMETER}").repeat(n)))),
        ("long names", |n| message("", "", &in_section(&format!("<{0}/>", "n".repeat(200)).repeat(n)))),
        ("a fault at the end", |n| message("", "", &in_section(&format!("{}<", "<x>\n</x>".repeat(n))))),
        ("one long value", |n| {
            let value = "v\n".repeat(20 * n);
            message("", "", &in_section(&format!("<Parameter><Key>K</Key><Value>{value}</Value></Parameter>")))
        }),
        ("white space", |n| message("", "", &format!("<![CDATA[{} {INNER}{INNER_END}]]>", "\n ".repeat(20 * n)))),
    ])
}

/// The processor time that reading costs, in nanoseconds: the least of some tries.
fn cost(interfaces: &Interfaces, message: &str) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    };
    let once = || {
        let begun = now();
        let tolerances = Tolerances::default();
        if let Ok(read) = interfaces.read_request(message.as_bytes(), tolerances) {
            let (text, base) = (read.value.document, read.value.document_position);
            for kind in [DocumentKind::Request, DocumentKind::RegisterUrl] {
                let _ = interfaces.read_document(kind, &text, base, tolerances);
            }
        }
        (now() - begun).as_nanos() as f64
    };
    (0..TRIES).map(|_| once()).fold(f64::INFINITY, f64::min)
}

#[test]
fn reading_costs_in_proportion_to_the_message() {
    let limits = Limits { elements_max: 1_000_000, text_bytes_max: 64 << 20, ..Limits::default() };
    let interfaces = Interfaces::with_files(BTreeMap::new(), limits).unwrap();
    let mut dear = Vec::new();
    for (name, shape) in shapes() {
        let (small, large) = (shape(SMALL), shape(TIMES * SMALL));
        let per_byte = |message: &str| cost(&interfaces, message) / message.len() as f64;
        let dearer = per_byte(&large) / per_byte(&small);
        println!(
            "{name}: {} and {} bytes, a byte of the large one {dearer:.2} times as dear",
            small.len(),
            large.len()
        );
        if dearer > DEARER_MAX {
            dear.push(name);
        }
    }
    assert!(dear.is_empty(), "more than in proportion: {dear:?}");
}
