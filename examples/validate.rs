//! Validates documents against a schema, strictly, as the gateway does:
//!
//! `cargo run --example validate -- SCHEMA_OR_WSDL < names-of-files`
//!
//! Prints a line for each file: its name, `valid` or `invalid`, and why with its control
//! characters escaped, with tabs between. What the
//! schema imports is looked for beside it. Ends with 1 if the schema does not compile.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, stdin};
use std::path::Path;

use lango::soap::{Limits, Normalization, Reader, Root, Schema, SchemaError, Wsdl, validate};

fn main() -> Result<(), Box<dyn Error>> {
    let schema = std::env::args().nth(1).ok_or("usage: validate SCHEMA_OR_WSDL < names-of-files")?;
    let path = Path::new(&schema);
    let entry = path.file_name().and_then(|name| name.to_str()).ok_or("the schema has no name")?;
    let files = beside(path.parent().unwrap_or(Path::new(".")))?;
    let compiled = if path.extension().is_some_and(|kind| kind == "wsdl") {
        Compiled::Wsdl(Wsdl::compile(entry, &files).map_err(in_lines)?)
    } else {
        Compiled::Schema(Schema::compile(&[entry], &files).map_err(in_lines)?)
    };
    for name in stdin().lock().lines() {
        let name = name?;
        match judge(compiled.schema(), &fs::read(&name)?) {
            Ok(()) => println!("{name}\tvalid\t"),
            Err(reason) => println!("{name}\tinvalid\t{}", reason.escape_debug()),
        }
    }
    Ok(())
}

enum Compiled {
    Wsdl(Wsdl),
    Schema(Schema),
}

impl Compiled {
    fn schema(&self) -> &Schema {
        match self {
            Self::Wsdl(wsdl) => wsdl.schema(),
            Self::Schema(schema) => schema,
        }
    }
}

fn judge(schema: &Schema, document: &[u8]) -> Result<(), String> {
    let mut reader = Reader::new(document, &Limits::default()).map_err(|error| error.to_string())?;
    validate(schema, &mut reader, Root::AnyGlobal, &Normalization::strict(), &mut ()).map_err(|error| error.to_string())
}

/// All schemas and WSDL files of a directory, by name.
fn beside(directory: &Path) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_schema = path.extension().is_some_and(|kind| kind == "xsd" || kind == "wsdl");
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_schema) {
            files.insert(name.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

fn in_lines(errors: Vec<SchemaError>) -> String {
    errors.iter().map(SchemaError::to_string).collect::<Vec<_>>().join("\n")
}
