//! Roles: named sets of permissions, each tied to one channel (invariant S2); some exclude each
//! other (S3).

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use crate::clock::Timestamp;

/// A permission: one operation on one aspect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Its name.
    pub name: String,
    /// What it allows, for people.
    pub description: String,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Other names under which people know it.
    #[serde(default)]
    pub also_called: Vec<String>,
    /// The one channel on which it counts.
    pub channel: Channel,
    /// What it allows.
    pub permissions: Vec<String>,
}

/// Roles that nobody may hold at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The two roles.
    pub roles: [String; 2],
    /// Why, for people.
    pub reason: String,
}

impl Exclusion {
    /// Whether it is about these two roles.
    pub fn forbids(&self, one: &str, other: &str) -> bool {
        let [a, b] = &self.roles;
        (a == one && b == other) || (a == other && b == one)
    }
}

/// A role given to an operator for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role's name.
    pub role: String,
    /// From when it counts.
    pub effective: Timestamp,
    /// From when it no longer counts; none if it has no end.
    pub expires: Option<Timestamp>,
}

impl Grant {
    /// Whether it counts at this moment.
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.effective <= at && self.expires.is_none_or(|expires| at < expires)
    }

    /// Whether there is a moment at which both count.
    pub fn overlaps(&self, other: &Grant) -> bool {
        let begins_before = |one: &Grant, end: Option<Timestamp>| end.is_none_or(|end| one.effective < end);
        begins_before(self, other.expires) && begins_before(other, self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(effective: i64, expires: Option<i64>) -> Grant {
        let expires = expires.map(Timestamp::from_seconds);
        Grant { role: "any".into(), effective: Timestamp::from_seconds(effective), expires }
    }

    #[test]
    fn a_grant_counts_from_its_first_moment_to_before_its_last() {
        let grant = grant(10, Some(20));
        let in_force = [9, 10, 19, 20].map(|at| grant.in_force(Timestamp::from_seconds(at)));
        assert_eq!(in_force, [false, true, true, false]);
    }

    #[test]
    fn s3_an_exclusion_is_about_both_roles_in_any_order_and_no_others() {
        let exclusion = Exclusion { roles: ["a".into(), "b".into()], reason: String::new() };
        for (one, other, forbidden) in
            [("a", "b", true), ("b", "a", true), ("a", "a", false), ("a", "c", false), ("c", "b", false)]
        {
            assert_eq!(exclusion.forbids(one, other), forbidden, "{one} {other}");
        }
    }

    #[test]
    fn grants_that_follow_each_other_do_not_overlap() {
        assert!(!grant(0, Some(10)).overlaps(&grant(10, None)));
        assert!(!grant(10, None).overlaps(&grant(0, Some(10))));
        assert!(grant(0, None).overlaps(&grant(10, Some(20))));
        assert!(grant(0, Some(11)).overlaps(&grant(10, None)));
        assert!(grant(5, None).overlaps(&grant(0, None)));
    }
}
