//! All that is wrong with a set of descriptions, and what is enforced when nothing is.

use std::collections::{BTreeMap, BTreeSet};

use crate::soap::{Schema, SchemaError, Wsdl};

/// What is read with one description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// What it is for: an operation, or the document inside one.
    pub what: String,
    /// The file that says what may be sent, and those that it is made of.
    pub files: BTreeSet<String>,
}

/// The errors of several descriptions together, each once: descriptions share files.
#[derive(Default)]
pub(super) struct Findings(Vec<SchemaError>);

impl Findings {
    /// Compiles every description and schema, those that nothing here is served with included: a
    /// client may fetch them.
    pub(super) fn of_all(files: &BTreeMap<String, String>) -> Self {
        let mut findings = Self::default();
        for name in files.keys() {
            if name.ends_with(".wsdl") {
                findings.note(Wsdl::compile(name, files));
            } else {
                findings.note(Schema::compile(&[name], files));
            }
        }
        findings
    }

    /// What succeeded; else its errors are kept.
    pub(super) fn note<T>(&mut self, result: Result<T, Vec<SchemaError>>) -> Option<T> {
        result.map_err(|errors| self.0.extend(errors)).ok()
    }

    /// All of them, by file and place.
    pub(super) fn into_errors(mut self) -> Vec<SchemaError> {
        let place = |error: &SchemaError| (error.file.clone(), error.position, error.to_string());
        self.0.sort_by_key(place);
        self.0.dedup();
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
