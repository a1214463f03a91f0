use proptest::prelude::*;

use super::*;
use crate::soap::characters::is_blank;

/// All events as one line each; texts of several runs joined.
fn events_with(input: &[u8], limits: &Limits, options: ReaderOptions) -> Result<Vec<String>, XmlError> {
    let mut reader = Reader::with(input, limits, options)?;
    let mut events: Vec<String> = Vec::new();
    loop {
        let line = match reader.next()? {
            Event::Start(start) => {
                let attributes: String =
                    start.attributes().map(|each| format!(" {}={:?}", each.name, each.value)).collect();
                format!("<{}{attributes}", start.name)
            }
            Event::Text(text) => match events.last_mut() {
                Some(last) if last.starts_with('"') => {
                    last.push_str(text);
                    continue;
                }
                _ => format!("\"{text}"),
            },
            Event::End(name) => format!("/{name}"),
            Event::Eof => return Ok(events),
        };
        events.push(line);
    }
}

fn events(input: &str) -> Result<Vec<String>, XmlError> {
    events_with(input.as_bytes(), &Limits::default(), ReaderOptions::default())
}

fn reason(input: &str) -> XmlReason {
    match events(input) {
        Err(error) => error.reason,
        Ok(events) => panic!("{input} was read: {events:?}"),
    }
}

#[test]
fn a_document_comes_as_events_with_expanded_names() {
    let input = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><p:a xmlns:p='urn:p' xmlns='urn:d' x='1' \
                 p:y='2'>t<b/><c xmlns=''>u</c ></p:a>\n<!-- d -->\n";
    let expected =
        ["<{urn:p}a x=\"1\" {urn:p}y=\"2\"", "\"t", "<{urn:d}b", "/{urn:d}b", "<c", "\"u", "/c", "/{urn:p}a"];
    assert_eq!(events(input).unwrap(), expected);
}

#[test]
fn text_sections_and_references_make_one_text() {
    let input = "<a>1&lt;2&#x41;<![CDATA[<x>&amp;]]>\r\n3\r4<![CDATA[\r\n]]><!-- no -->]]&gt;</a>";
    assert_eq!(events(input).unwrap(), ["<a", "\"1<2A<x>&amp;\n3\n4\n]]>", "/a"]);
}

#[test]
fn a_prefix_can_be_bound_anew_and_comes_back() {
    let input = "<p:a xmlns:p='1'><p:b xmlns:p='2'/><p:c/></p:a>";
    assert_eq!(events(input).unwrap(), ["<{1}a", "<{2}b", "/{2}b", "<{1}c", "/{1}c", "/{1}a"]);
    let input = "<a xml:lang='sw' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>";
    assert_eq!(events(input).unwrap(), ["<a {http://www.w3.org/XML/1998/namespace}lang=\"sw\"", "/a"]);
}

#[test]
fn a_namespace_may_be_written_with_references() {
    assert_eq!(events("<a xmlns='u&#58;x&amp;y'/>").unwrap(), ["<{u:x&y}a", "/{u:x&y}a"]);
}

#[test]
fn what_is_not_well_formed_is_refused_for_its_reason() {
    use XmlReason as R;
    let name = |text: &str| R::BadName(text.into());
    let cases: Vec<(&str, R)> = vec![
        ("", R::NoRoot),
        (" \n", R::NoRoot),
        ("<!-- only -->", R::NoRoot),
        ("x", R::TextOutsideRoot),
        ("x<a/>", R::TextOutsideRoot),
        ("<a/>x", R::TextOutsideRoot),
        ("<a/>&amp;", R::TextOutsideRoot),
        ("<a/><![CDATA[ ]]>", R::TextOutsideRoot),
        ("<![CDATA[]]><a/>", R::TextOutsideRoot),
        ("\u{FEFF}\u{FEFF}<a/>", R::TextOutsideRoot),
        ("<a/>\u{A0}", R::TextOutsideRoot),
        ("<a/><a/>", R::SecondRoot),
        ("<a></a><b></b>", R::SecondRoot),
        ("<a>", R::OpenAtEnd("a".into())),
        ("<a><b></b>", R::OpenAtEnd("a".into())),
        ("<a><b>text", R::OpenAtEnd("b".into())),
        ("<a></b>", R::MismatchedEnd { expected: "a".into(), found: "b".into() }),
        ("<a></a x='1'>", R::MismatchedEnd { expected: "a".into(), found: "a x='1'".into() }),
        ("<a></ a>", R::MismatchedEnd { expected: "a".into(), found: " a".into() }),
        ("<p:a xmlns:p='1' xmlns:q='1'></q:a>", R::MismatchedEnd { expected: "p:a".into(), found: "q:a".into() }),
        ("</a>", R::UnopenedEnd("a".into())),
        ("<a/></a>", R::UnopenedEnd("a".into())),
        ("<a", R::Unclosed),
        ("<", R::Unclosed),
        ("<a>x<", R::Unclosed),
        ("<a b='1", R::Unclosed),
        ("<a><!-- x", R::Unclosed),
        ("<a><![CDATA[ x ]]", R::Unclosed),
        ("<?xml version='1.0'", R::Unclosed),
        ("<!DOCTYPE a><a/>", R::DocumentType),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", R::DocumentType),
        ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", R::DocumentType),
        ("<a/><!DOCTYPE a>", R::DocumentType),
        ("<!ELEMENT a ANY><a/>", R::Markup),
        ("<a><!b></a>", R::Markup),
        ("<a><![cdata[x]]></a>", R::Unclosed),
        ("<?pi x?><a/>", R::ProcessingInstruction),
        ("<a><?pi x?></a>", R::ProcessingInstruction),
        ("<a/><?pi?>", R::ProcessingInstruction),
        ("<?xml-stylesheet href='x'?><a/>", R::ProcessingInstruction),
        ("<?XML version='1.0'?><a/>", R::ProcessingInstruction),
        (" <?xml version='1.0'?><a/>", R::MisplacedDeclaration),
        ("<a/><?xml version='1.0'?>", R::MisplacedDeclaration),
        ("<?xml version='1.0'?><?xml version='1.0'?><a/>", R::MisplacedDeclaration),
        ("<?xml?><a/>", R::Declaration),
        ("<?xml encoding='UTF-8'?><a/>", R::Declaration),
        ("<?xml version='1.0' encoding='UTF8'?><a/>", R::Encoding("UTF8".into())),
        ("<?xml version='1.1'?><a/>", R::Version("1.1".into())),
        ("<a><!-- x -- y --></a>", R::Comment),
        ("<a><!-- x ---></a>", R::Comment),
        ("<a>]]></a>", R::SectionEnd),
        ("<a>x]]>y</a>", R::SectionEnd),
        ("<a>&nbsp;</a>", R::Entity),
        ("<a>&;</a>", R::Entity),
        ("<a>& </a>", R::Entity),
        ("<a>&amp</a>", R::Entity),
        ("<a>&#0;</a>", R::CharacterReference),
        ("<a>&#xD800;</a>", R::CharacterReference),
        ("<a b='&x;'/>", R::Entity),
        ("<a b='1<2'/>", R::AttributeLess),
        ("<a b=1/>", R::AttributeSyntax),
        ("<a b/>", R::AttributeSyntax),
        ("<a b='1'c='2'/>", R::AttributeSyntax),
        ("<a b='1' / >", R::AttributeSyntax),
        ("<a b='1' b='2'/>", R::DuplicateAttribute("b".into())),
        ("<a xmlns:p='1' xmlns:q='1' p:b='1' q:b='2'/>", R::DuplicateAttribute("b".into())),
        ("<a xmlns='1' xmlns='2'/>", R::DuplicateAttribute("xmlns".into())),
        ("<a xmlns:p='1' xmlns:p='1'/>", R::DuplicateAttribute("xmlns:p".into())),
        ("<p:a/>", R::UnboundPrefix("p".into())),
        ("<a p:b='1'/>", R::UnboundPrefix("p".into())),
        ("<a><b xmlns:p='1'/><p:c/></a>", R::UnboundPrefix("p".into())),
        ("<xmlns:a/>", R::UnboundPrefix("xmlns".into())),
        ("<a xmlns:p=''/>", R::NamespaceDeclaration("p".into())),
        ("<a xmlns:xml='urn:x'/>", R::NamespaceDeclaration("xml".into())),
        ("<a xmlns:xmlns='urn:x'/>", R::NamespaceDeclaration("xmlns".into())),
        ("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", R::NamespaceDeclaration("p".into())),
        ("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", R::NamespaceDeclaration(String::new())),
        ("<1a/>", name("1a")),
        ("<>x</>", name("")),
        ("< a/>", name("")),
        ("<a:/>", name("a:")),
        ("<soapenv::Header/>", name("soapenv::Header")),
        ("<a/b/>", name("a/b")),
        ("<a 1='2'/>", name("1")),
        ("<a>\u{1}</a>", R::Character(1)),
        ("<a b='\u{1F}'/>", R::Character(0x1F)),
        ("<a>\u{FFFF}</a>", R::Character(0xFFFF)),
        ("<!-- \u{0} --><a/>", R::Character(0)),
    ];
    for (input, expected) in cases {
        assert_eq!(reason(input), expected, "{input}");
    }
}

#[test]
fn bytes_in_another_encoding_are_refused_by_its_name() {
    let read = |input: &[u8]| events_with(input, &Limits::default(), ReaderOptions::default()).unwrap_err().reason;
    let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&utf16), XmlReason::Encoding("UTF-16".into()));
    assert_eq!(read(&[b"\xFF\xFE".as_slice(), &utf16].concat()), XmlReason::Encoding("UTF-16".into()));
    assert_eq!(
        read(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>"),
        XmlReason::Encoding("ISO-8859-1".into())
    );
    assert_eq!(read(b"<a>\xE9</a>"), XmlReason::NotUtf8);
    // Overlong forms and surrogates are no UTF-8 either.
    assert_eq!(read(b"<a>\xC0\xBC</a>"), XmlReason::NotUtf8);
    assert_eq!(read(b"<a>\xED\xA0\x80</a>"), XmlReason::NotUtf8);
}

#[test]
fn a_wrong_encoding_label_is_read_over_only_when_told_so() {
    let options = ReaderOptions { any_encoding_label: true, ..ReaderOptions::default() };
    let limits = Limits::default();
    let input = b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>";
    let mut reader = Reader::with(input, &limits, options).unwrap();
    assert!(matches!(reader.next(), Ok(Event::Start(_))));
    assert!(reader.label_ignored());
}

#[test]
fn a_root_left_open_is_closed_only_when_told_so() {
    let options = ReaderOptions { root_left_open: true, ..ReaderOptions::default() };
    let limits = Limits::default();
    assert_eq!(events_with(b"<a><b/>\n", &limits, options).unwrap(), ["<a", "<b", "/b", "\"\n", "/a"]);
    let error = events_with(b"<a><b>", &limits, options).unwrap_err();
    assert_eq!(error.reason, XmlReason::OpenAtEnd("b".into()));
}

#[test]
fn every_cap_holds_at_n_and_breaks_at_n_and_one() {
    let caps = Limits::default();
    let cases = [
        (Limits { depth_max: 3, ..caps }, 3, "<a><a><a/></a></a>", "<a><a><a><a/></a></a></a>"),
        (Limits { elements_max: 3, ..caps }, 3, "<a><b/><b/></a>", "<a><b/><b/><b/></a>"),
        (Limits { attributes_per_element_max: 1, ..caps }, 1, "<a b='' xmlns='1'/>", "<a b='' c=''/>"),
        (Limits { namespaces_per_element_max: 1, ..caps }, 1, "<a b='' xmlns='1'/>", "<a xmlns='1' xmlns:b='1'/>"),
        (Limits { name_bytes_max: 4, ..caps }, 4, "<aaaa/>", "<aaaaa/>"),
        (Limits { name_bytes_max: 4, ..caps }, 4, "<a bbbb=''/>", "<a bbbbb=''/>"),
        (Limits { text_bytes_max: 6, ..caps }, 6, "<a>12345&amp;<b>123456</b></a>", "<a>123<b/><![CDATA[4567]]></a>"),
    ];
    for (limits, cap, good, bad) in cases {
        assert!(events_with(good.as_bytes(), &limits, ReaderOptions::default()).is_ok(), "{good}");
        let error = events_with(bad.as_bytes(), &limits, ReaderOptions::default()).unwrap_err();
        assert!(matches!(error.reason, XmlReason::TooMuch { max, .. } if max == cap), "{bad}: {error}");
    }
}

#[test]
fn an_error_says_line_and_column_also_in_an_inner_document() {
    let error = events("<a>\n  <é/>x<b></c></a>").unwrap_err();
    assert_eq!(error.position, Position { line: 2, column: 11 });
    let options = ReaderOptions { base: Position { line: 10, column: 5 }, ..ReaderOptions::default() };
    let limits = Limits::default();
    let error = events_with(b"<a></b>", &limits, options).unwrap_err();
    assert_eq!(error.position, Position { line: 10, column: 8 });
    let error = events_with(b"<a>\n</b>", &limits, options).unwrap_err();
    assert_eq!(error.position, Position { line: 11, column: 1 });
}

#[test]
fn an_error_stays() {
    let limits = Limits::default();
    let mut reader = Reader::new(b"<a>]]></a>", &limits).unwrap();
    assert!(reader.next().is_ok());
    let first = reader.next().unwrap_err();
    assert_eq!(reader.next().unwrap_err(), first);
}

#[test]
fn after_the_end_comes_the_end() {
    let limits = Limits::default();
    let mut reader = Reader::new(b"<a/>", &limits).unwrap();
    for _ in 0..2 {
        assert!(reader.next().is_ok());
    }
    for _ in 0..3 {
        assert!(matches!(reader.next(), Ok(Event::Eof)));
    }
}

/// All that is to be known of each event, and where and why it ended.
fn in_place_or_not(input: &[u8], blanks: Blanks, nothing_in_place: bool) -> (Vec<String>, Option<XmlError>) {
    let limits = Limits { text_bytes_max: 24, name_bytes_max: 8, depth_max: 6, elements_max: 12, ..Limits::default() };
    let options = ReaderOptions { root_left_open: true, ..ReaderOptions::default() };
    let mut reader = match Reader::with(input, &limits, options) {
        Ok(reader) => reader,
        Err(error) => return (vec![], Some(error)),
    };
    reader.nothing_in_place = nothing_in_place;
    let mut events = Vec::new();
    loop {
        let kind = reader.advance(blanks);
        let what = match kind {
            Kind::Text => reader.run().as_str().to_owned(),
            Kind::Start => format!("{} {:?}", reader.name(), reader.start().attributes().collect::<Vec<_>>()),
            Kind::End => reader.name().to_string(),
            Kind::Eof => return (events, None),
            Kind::Failed => return (events, Some(reader.error())),
        };
        let place = (reader.place().position(), reader.event_offset(), reader.offset(), reader.depth());
        events.push(format!("{kind:?} {what} {place:?} {}", reader.path()));
    }
}

/// Kind, text and place of each event that is no run of white space, and where and why it ended.
fn all_but_blanks(input: &str, blanks: Blanks) -> (Vec<(Kind, String, Position)>, Option<XmlError>) {
    let limits = Limits { text_bytes_max: 16, ..Limits::default() };
    let mut reader = Reader::new(input.as_bytes(), &limits).unwrap();
    let mut events = Vec::new();
    loop {
        let kind = reader.advance(blanks);
        let text = match kind {
            Kind::Text if is_blank(reader.run().as_str()) => continue,
            Kind::Text => reader.run().as_str().to_owned(),
            Kind::Start | Kind::End => reader.name().to_string(),
            Kind::Eof => return (events, None),
            Kind::Failed => return (events, Some(reader.error())),
        };
        events.push((kind, text, reader.place().position()));
    }
}

#[test]
fn white_space_that_is_passed_over_counts_as_text() {
    let limits = Limits { text_bytes_max: 3, ..Limits::default() };
    for (input, fits) in [("<a>\n  <b/></a>", true), ("<a>\n   <b/></a>", false), ("<a> <b/> <b/>  </a>", false)] {
        let mut reader = Reader::new(input.as_bytes(), &limits).unwrap();
        let end = loop {
            match reader.advance(Blanks::PassedOver) {
                Kind::Text => panic!("{input}: white space was given"),
                kind @ (Kind::Eof | Kind::Failed) => break kind,
                Kind::Start | Kind::End => {}
            }
        };
        assert_eq!(end == Kind::Eof, fits, "{input}");
    }
}

const VALID: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:E xmlns:s='urn:s' xmlns='urn:d'><s:B a='1' s:b='&lt;'>\
                     <![CDATA[<x>1</x>]]>&#65;<!-- c --><d/>é\r\n</s:B></s:E>\n";

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = events_with(&input, &Limits::default(), ReaderOptions::default());
    }

    #[test]
    fn arbitrary_markup_never_panics(input in "[<>/!?&;:='\"\\[\\]a-cA-Dx# \n-]{0,80}") {
        let _ = events_with(input.as_bytes(), &Limits::default(), ReaderOptions::default());
    }

    #[test]
    fn mutated_documents_never_panic(
        edits in proptest::collection::vec((0..VALID.len(), any::<u8>(), 0_u8..3), 1..4),
        options in (any::<bool>(), any::<bool>()),
    ) {
        let mut input = VALID.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.min(input.len().saturating_sub(1));
            match kind {
                0 => input[at] = byte,
                1 => { input.remove(at); }
                _ => input.insert(at, byte),
            }
        }
        let options = ReaderOptions { any_encoding_label: options.0, root_left_open: options.1, ..Default::default() };
        let _ = events_with(&input, &Limits::default(), options);
    }

    #[test]
    fn white_space_that_is_passed_over_changes_nothing_else(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "<a>", "</a>", "<b/>", " ", "\n    ", "\r\n\t", "x", "&lt;", "&#32;", "<![CDATA[ ]]>", "<!-- c -->", "]]>", "&",
            ]),
            0..24,
        ),
    ) {
        let input = format!("<r>{}</r>", pieces.concat());
        prop_assert_eq!(all_but_blanks(&input, Blanks::PassedOver), all_but_blanks(&input, Blanks::Given), "{}", input);
    }

    #[test]
    fn what_is_read_in_place_is_what_quick_xml_would_have_found(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "<a>", "</a>", "<b>", "</b>", "<b/>", "<b></b>", "<b>1</b>", "<p:a>", "</p:a>", "<q:a/>", "<a >", "</a >", "<a x='1'>",
                "<a xmlns:q='u' />", "<a", "</", "<", ">", "/>", "<1>", "<é>", "</é>", "<a:b:c>", "<:a>", "<a:>", "<->", "<longername>",
                "<fits_in8>", " ", "\n    ", "\r\n", "x", "é", "]]>", "]]", "&lt;", "&#32;", "&", "&x", ";", "<![CDATA[ ]]>", "<![CDATA[",
                "<!-- c -->", "<!--", "<?p i?>", "<!DOCTYPE a>", "</r>", "\u{FEFF}", "'", "\"", "=",
            ]),
            0..24,
        ),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        closed in any::<bool>(),
    ) {
        let mut input = format!("<r xmlns:p='u'>{}{}", pieces.concat(), if closed { "</r>" } else { "" }).into_bytes();
        for (at, byte) in edits {
            let at = at.index(input.len());
            input[at] = byte;
        }
        for blanks in [Blanks::Given, Blanks::PassedOver] {
            let [in_place, not] = [false, true].map(|nothing| in_place_or_not(&input, blanks, nothing));
            prop_assert_eq!(in_place, not, "{}", String::from_utf8_lossy(&input));
        }
    }

    #[test]
    fn what_is_escaped_is_read_back(text in "\\PC{0,40}") {
        let allowed: String = text.chars().filter(|&character| crate::soap::characters::is_allowed(character)).collect();
        let input = format!(
            "<a b=\"{}\">{}</a>",
            crate::soap::escape_attribute(&allowed),
            crate::soap::escape_text(&allowed)
        );
        let mut expected = vec![format!("<a b={allowed:?}")];
        if !allowed.is_empty() {
            expected.push(format!("\"{allowed}"));
        }
        expected.push("/a".into());
        prop_assert_eq!(events(&input).unwrap(), expected);
    }
}
