//! `xs:any` and `xs:anyAttribute`: which namespaces they let in, and what becomes of those when types
//! are derived (XSD 1.0 part 1, 3.10.6).

/// `xs:any` or `xs:anyAttribute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soap) struct Wildcard {
    pub(in crate::soap) namespaces: Namespaces,
    pub(in crate::soap) process: Process,
}

/// Which namespaces a wildcard allows; the empty one stands for no namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Namespaces {
    Any,
    /// All but this one and none.
    Other(String),
    These(Vec<String>),
}

/// What is demanded of what a wildcard lets in, the laxest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::soap) enum Process {
    /// Nothing.
    Skip,
    /// It fits if it is declared.
    Lax,
    /// It is declared, and fits.
    Strict,
}

impl Wildcard {
    /// Whether a name in this namespace is let in.
    pub(in crate::soap) fn allows(&self, namespace: &str) -> bool {
        self.namespaces.allow(namespace)
    }

    /// Whether this lets in nothing that `other` would not, and demands no less of it.
    pub(super) fn restricts(&self, other: &Self) -> bool {
        self.namespaces.are_within(&other.namespaces) && self.process >= other.process
    }
}

impl Namespaces {
    fn allow(&self, namespace: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Other(target) => !namespace.is_empty() && namespace != target,
            Self::These(these) => these.iter().any(|each| each == namespace),
        }
    }

    /// Whether some namespace is in both.
    pub(super) fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::These(these), other) | (other, Self::These(these)) => {
                these.iter().any(|namespace| other.allow(namespace))
            }
            // Two that each leave out a few of all namespaces always share one.
            _ => true,
        }
    }

    fn are_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, _) | (Self::Other(_), Self::These(_)) => false,
            (Self::Other(one), Self::Other(other)) => one == other || other.is_empty(),
            (Self::These(these), other) => these.iter().all(|namespace| other.allow(namespace)),
        }
    }

    /// Those of either; none if no wildcard can say so.
    pub(super) fn union(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::These(these), Self::These(those)) => {
                let more = those.iter().filter(|namespace| !these.contains(namespace));
                Self::These(these.iter().chain(more).cloned().collect())
            }
            (Self::Other(one), Self::Other(other)) if one == other => self.clone(),
            // Each lets in what the other leaves out, except what is in no namespace.
            (Self::Other(_), Self::Other(_)) => Self::Other(String::new()),
            (Self::Other(left_out), Self::These(these)) | (Self::These(these), Self::Other(left_out)) => {
                let has = |namespace: &str| these.iter().any(|each| each == namespace);
                match (has(left_out), has("")) {
                    (true, true) => Self::Any,
                    (true, false) => Self::Other(String::new()),
                    (false, true) => return None,
                    (false, false) => Self::Other(left_out.clone()),
                }
            }
        })
    }

    /// Those of both; none if no wildcard can say so.
    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, one) | (one, Self::Any) => one.clone(),
            (Self::These(these), other) | (other, Self::These(these)) => {
                Self::These(these.iter().filter(|namespace| other.allow(namespace)).cloned().collect())
            }
            (Self::Other(one), Self::Other(other)) if one == other || other.is_empty() => self.clone(),
            (Self::Other(one), Self::Other(_)) if one.is_empty() => other.clone(),
            (Self::Other(_), Self::Other(_)) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["", "urn:a", "urn:b", "urn:elsewhere"];

    fn all() -> Vec<Namespaces> {
        let these = |names: &[&str]| Namespaces::These(names.iter().map(|&name| name.to_owned()).collect());
        let other = |name: &str| Namespaces::Other(name.to_owned());
        vec![
            Namespaces::Any,
            other(""),
            other("urn:a"),
            other("urn:b"),
            these(&[]),
            these(&[""]),
            these(&["urn:a"]),
            these(&["urn:a", ""]),
            these(&["urn:a", "urn:b"]),
            these(&["urn:b", "urn:elsewhere"]),
        ]
    }

    #[test]
    fn what_two_wildcards_let_in_together_is_what_either_or_both_let_in() {
        for one in all() {
            for other in all() {
                let either = one.union(&other);
                let both = one.intersection(&other);
                for name in NAMES {
                    let (first, second) = (one.allow(name), other.allow(name));
                    let about = format!("{one:?} {other:?} {name}");
                    assert!(either.as_ref().is_none_or(|union| union.allow(name) == (first || second)), "{about}");
                    assert!(both.as_ref().is_none_or(|common| common.allow(name) == (first && second)), "{about}");
                    assert!(!one.are_within(&other) || !first || second, "{about}");
                    assert!(one.meet(&other) || !(first && second), "{about}");
                }
            }
        }
        // Of all pairs only these cannot be said: all but urn:a together with none; neither urn:a nor urn:b.
        let unsaid = |ask: fn(&Namespaces, &Namespaces) -> Option<Namespaces>| {
            let pairs = all().into_iter().flat_map(|one| all().into_iter().map(move |other| (one.clone(), other)));
            pairs.filter(|(one, other)| ask(one, other).is_none()).count()
        };
        assert_eq!(unsaid(|one, other| one.union(other)), 6);
        assert_eq!(unsaid(|one, other| one.intersection(other)), 2);
    }

    #[test]
    fn a_restriction_demands_no_less() {
        let wildcard = |process| Wildcard { namespaces: Namespaces::Any, process };
        assert!(wildcard(Process::Strict).restricts(&wildcard(Process::Lax)));
        assert!(!wildcard(Process::Skip).restricts(&wildcard(Process::Lax)));
    }
}
