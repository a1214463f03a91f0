//! Long lists, read a piece at a time. The TOML reader takes forty times a file's size in memory and the time
//! to get it; of a list that is written as all lists are, one piece after the other says the same.
//!
//! Invariant: what is read here is what the whole file says. Whatever looks unusual or wrong in any way is not
//! read here but by the reader of whole files, which also knows how to tell of it.

use std::collections::{BTreeMap, HashSet};

use serde::de::IgnoredAny;

use super::{Host, Lines, Network, callback_host, named_networks};
use crate::access::third_party::is_plain;
use crate::access::whitelist::{CallbackHost, NamedNetwork, Whitelist};

/// The list; none if it is to be read as a whole. A piece has `lines_max` lines at most.
pub(super) fn read(text: &str, lines_max: usize) -> Option<Whitelist> {
    if text.contains("\"\"\"") || text.contains("'''") {
        // Over several lines, what looks like a header could be words.
        return None;
    }
    let mut sections = Sections::default();
    let mut piece = Piece { header: Header::None, text: "", line: 0 };
    let (mut begin, mut at, mut count) = (0, 0, 0_usize);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = usize::checked_add(at, line.len())?;
        let header = Header::of(line)?;
        if header != Header::None || count >= lines_max && matches!(piece.header, Header::Networks(_)) {
            sections.take(&Piece { text: text.get(begin..at)?, ..piece })?;
            let is_header = header != Header::None;
            let (header, line) = if is_header { (header, number.checked_add(1)?) } else { (piece.header, number) };
            if let (true, Header::Networks(party)) = (is_header, header) {
                sections.begin(party)?;
            }
            piece = Piece { header, text: "", line };
            (begin, count) = (if is_header { end } else { at }, 0);
        }
        (at, count) = (end, count.checked_add(1)?);
    }
    sections.take(&Piece { text: text.get(begin..)?, ..piece })?;
    sections.whitelist()
}

/// What a piece belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header<'a> {
    /// `[third_party.NAME.networks]`
    Networks(&'a str),
    /// `[[third_party.NAME.callback_hosts]]`
    Host(&'a str),
    /// Nothing: the line is no header; the piece is the words before the first one.
    None,
}

impl<'a> Header<'a> {
    /// The header that a line is; none of all if it is one of another kind.
    fn of(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        let line = line.trim_matches([' ', '\t']);
        if !line.starts_with('[') {
            return Some(Header::None);
        }
        let name = |begin, end| line.strip_prefix(begin)?.strip_suffix(end).filter(|name: &&str| is_plain(name));
        let networks = name("[third_party.", ".networks]").map(Header::Networks);
        networks.or_else(|| name("[[third_party.", ".callback_hosts]]").map(Header::Host))
    }
}

/// Some lines under a header.
struct Piece<'a> {
    header: Header<'a>,
    text: &'a str,
    /// Lines of the file before it.
    line: usize,
}

/// What was read so far.
#[derive(Default)]
struct Sections<'a>(BTreeMap<&'a str, Party>);

#[derive(Default)]
struct Party {
    has_networks: bool,
    networks: Vec<NamedNetwork>,
    callback_hosts: Vec<CallbackHost>,
}

impl<'a> Sections<'a> {
    /// A section of networks begins, the party's only one.
    fn begin(&mut self, party: &'a str) -> Option<()> {
        let party = self.0.entry(party).or_default();
        (!std::mem::replace(&mut party.has_networks, true)).then_some(())
    }

    fn take(&mut self, piece: &Piece<'a>) -> Option<()> {
        let lines = Lines::after(piece.line, piece.text);
        match piece.header {
            Header::None => {
                let words: BTreeMap<String, IgnoredAny> = toml::from_str(piece.text).ok()?;
                words.is_empty().then_some(())
            }
            Header::Networks(party) => {
                let networks: BTreeMap<String, Network> = toml::from_str(piece.text).ok()?;
                self.0.entry(party).or_default().networks.extend(named_networks(networks, &lines).ok()?);
                Some(())
            }
            Header::Host(party) => {
                let host: Host = toml::from_str(piece.text).ok()?;
                self.0.entry(party).or_default().callback_hosts.push(callback_host(host, &lines).ok()?);
                Some(())
            }
        }
    }

    fn whitelist(self) -> Option<Whitelist> {
        let mut parties = Vec::with_capacity(self.0.len());
        for (name, mut party) in self.0 {
            party.networks.sort_by(|one, other| one.name.cmp(&other.name));
            // What stands once in each piece must stand once in all of them.
            let names_differ = party.networks.windows(2).all(|pair| match pair {
                [one, other] => one.name != other.name,
                _ => true,
            });
            let mut seen = HashSet::with_capacity(party.networks.len());
            if !names_differ || !party.networks.iter().all(|network| seen.insert(network.network)) {
                return None;
            }
            parties.push((name.to_owned(), party.networks, party.callback_hosts));
        }
        Some(Whitelist::new(parties))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse_whole;
    use super::*;
    use crate::access::whitelist::SHIPPED;

    /// Both ways to read a text; the one by pieces may only ever say what the other one says.
    fn agree(text: &str, lines_max: usize) -> bool {
        let by_pieces = read(text, lines_max).map(|list| format!("{list:?}"));
        let whole = parse_whole(text).map(|list| format!("{list:?}"));
        match by_pieces {
            Some(list) => Ok(list) == whole,
            None => true,
        }
    }

    #[test]
    fn a_list_as_all_are_written_is_read_by_pieces() {
        let more = "\r\n[third_party.soko.networks]\r\nb = { network = \"10.0.0.0/24\", kind = \"vpn\" }\r\n\
            # words\r\na.network = \"10.0.1.0/24\"\r\na.kind = \"internet\"\r\na.expires = 2027-06-30\r\n";
        let text = format!("{SHIPPED}{more}");
        let list = read(&text, 100).map(|list| format!("{list:?}"));
        assert_eq!(list, Some(format!("{:?}", parse_whole(&text).unwrap())));
        // An entry over several lines may come apart, and then it is read as a whole.
        assert!(read(&text, 4).is_none() && (1..10).all(|lines_max| agree(&text, lines_max)));
    }

    #[test]
    fn what_is_unusual_or_wrong_is_left_to_the_reader_of_whole_files() {
        let one = "[third_party.a.networks]\nx = { network = \"10.0.0.0/24\", kind = \"vpn\" }\n";
        let other = "y = { network = \"10.0.1.0/24\", kind = \"vpn\" }\n";
        let host = "[[third_party.a.callback_hosts]]\nhost = \"a.example\"\nports = [443]\n";
        for text in [
            format!("{one}{one}"),
            format!("{one}{host}{}", one.replace('x', "y")),
            format!("{one}{}", one.lines().last().unwrap()),
            format!("{one}{}", other.replace("10.0.1", "10.0.0")),
            format!("{one}[third_party.a]\n"),
            format!("{one}[ third_party.b.networks]\n"),
            format!("{one}[third_party.b.networks] # theirs\n"),
            format!("{one}[third_party.\"b\".networks]\n"),
            format!("{one}[third_party.b.networks.z]\nnetwork = \"10.0.0.0/8\"\nkind = \"vpn\"\n"),
            format!("{one}{host}ports = [80]\n"),
            format!("{one}[[third_party.a.callback_hosts]]\n"),
            format!("third_party.a.networks = {{}}\n{one}"),
            format!("{one}z = {{ network = '''10.0.2.0/24''', kind = \"vpn\" }}\n"),
            format!("{one}z = {{ network = \"10.0.2.0/24\", kind = \"pvn\" }}\n"),
            format!("{one}z = 1\n"),
            format!("# \u{7}\n{one}"),
            format!("{one}\u{a0}[third_party.b.networks]\n"),
            format!("{one}[third_party.b.networks]\r\r\n"),
        ] {
            for lines_max in [1, 2, 100] {
                assert!(read(&text, lines_max).is_none(), "{lines_max}: {text}");
            }
        }
        assert!(read(&format!("{one}{other}{host}"), 1).is_some());
    }

    proptest! {
        #[test]
        fn pieces_say_what_the_whole_says(
            lines in proptest::collection::vec(0_usize..24, 0..16),
            lines_max in 1_usize..5,
            cut in 0_usize..400,
        ) {
            const POOL: [&str; 24] = [
                "[third_party.a.networks]\n",
                "[third_party.b.networks]\n",
                "[third_party.a.networks]\r\n",
                "[[third_party.a.callback_hosts]]\n",
                "[[third_party.b.callback_hosts]]\n",
                "[third_party.a]\n",
                "[third_party]\n",
                "x = { network = \"10.0.0.0/24\", kind = \"vpn\" }\n",
                "y = { network = \"10.0.0.0/24\", kind = \"vpn\" }\n",
                "y = { network = \"10.0.1.0/24\", kind = \"internet\", comment = \"[third_party.a.networks]\" }\n",
                "z = { network = \"2001:db8::/48\", kind = \"vpn\", expires = 2027-06-30 } # a\n",
                "x.network = \"10.0.2.0/24\"\n",
                "x.kind = \"vpn\"\n",
                "x.comment = \"[\"\n",
                "host = \"a.example\"\n",
                "ports = [443]\n",
                "ports = [\n443,\n]\n",
                "callback_hosts = [{ host = \"b.example\", ports = [1] }]\n",
                "third_party.a.networks.q = { network = \"10.0.3.0/24\", kind = \"vpn\" }\n",
                "# words\n",
                "\n",
                "w = { network = \"10.0.4.0/24\",\n kind = \"vpn\" }\n",
                "v = '''\n",
                "networks = {}\n",
            ];
            let text: String = lines.iter().map(|line| POOL[*line]).collect();
            prop_assert!(agree(&text, lines_max), "{text}");
            let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
            prop_assert!(agree(&text[..cut], lines_max), "{}", &text[..cut]);
            prop_assert!(agree(&format!("{SHIPPED}{text}"), lines_max), "{text}");
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", lines_max in 0_usize..3) {
            let _ = read(&text, lines_max);
        }
    }
}
