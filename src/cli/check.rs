//! `lango check`: everything that a start would read, checked without starting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use super::EXIT_USAGE;
use crate::config::{self, Settings, Xml};
use crate::mminterface::Enforced;
use crate::node::Materials;

/// The bits of a file's mode that are about everybody else.
const OTHERS: u32 = 0o007;

/// Runs `lango check`.
pub(super) fn run(config: &Path) -> Result<ExitCode> {
    let settings = match config::load(config) {
        Ok(settings) => settings,
        Err(error) => {
            println!("{error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    match Materials::read(settings) {
        Ok(materials) => {
            print_summary(&materials);
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            problems.iter().for_each(|problem| println!("{problem}"));
            println!("{} problem(s); a node would not start with these settings", problems.len());
            Ok(ExitCode::from(EXIT_USAGE))
        }
    }
}

fn print_summary(materials: &Materials) {
    let Settings { doors, limits, node, .. } = &materials.settings;
    println!("settings   good");
    for edition in materials.catalogue.all() {
        let since = edition.from.map_or_else(String::new, |day| format!("from {day} on "));
        println!("catalogue  {since}{} services, checked as a whole", edition.catalogue.services().len());
    }
    println!("whitelist  {} networks", materials.whitelist.networks().count());
    let overlaps = materials.whitelist.overlaps();
    if overlaps.count > 0 {
        println!("           {} overlaps between third parties; the certificate decides:", overlaps.count);
        overlaps.first.iter().for_each(|overlap| println!("           {overlap}"));
    }
    for key in open_to_others(&materials.settings) {
        println!("keys       {} CAN BE READ BY OTHERS: chmod 600", key.display());
    }
    println!("schemas    compiled{}", if node.wsdl.is_some() { ", with the deployment's own files" } else { "" });
    let guarded = format!("client certificate required, schema enforced, bodies up to {} bytes", limits.body_bytes_max);
    println!("doors      third parties {}: whitelist, {guarded}", doors.third_party.listen);
    print_enforced(&materials.interfaces.enforced_on_third_parties());
    println!("           handset side {}: {} networks, {guarded}", doors.handset.listen, doors.handset.networks.len());
    print_enforced(&materials.interfaces.enforced_on_handsets());
    match doors.plain.enabled {
        true => println!("           plain {}: whitelist, NO certificate, NO secrecy", doors.plain.listen),
        false => println!("           plain: closed"),
    }
    let balanced = [
        ("third parties", &doors.third_party.balancers),
        ("handset side", &doors.handset.balancers),
        ("plain", &doors.plain.balancers),
    ];
    for (door, balancers) in balanced.into_iter().filter(|(_, balancers)| !balancers.is_empty()) {
        println!("           {door}: {} networks of balancers, which say whom they bring", balancers.len());
    }
    println!("           metrics {}: no check of who asks", doors.metrics.listen);
    let Xml {
        depth_max,
        elements_max,
        attributes_per_element_max,
        namespaces_per_element_max,
        name_bytes_max,
        text_bytes_max,
    } = limits.xml;
    println!("XML        no document type, no entity but the five, no processing instruction; at most");
    println!("           {elements_max} elements, {depth_max} inside each other; of an element");
    println!(
        "           {attributes_per_element_max} attributes, {namespaces_per_element_max} namespace declarations,"
    );
    println!("           {name_bytes_max} bytes of a name, {text_bytes_max} bytes of text");
}

/// The files with secrets that not only their owner and group may read or write.
fn open_to_others(settings: &Settings) -> Vec<&Path> {
    let Settings { doors, node, callbacks, credentials, .. } = settings;
    let keys = [&doors.third_party.key, &doors.handset.key, &callbacks.key, &node.secret_key];
    let second = [&doors.third_party.second_key, &doors.handset.second_key].into_iter().flatten();
    let all = keys.into_iter().chain(second).chain(&credentials.keys).map(PathBuf::as_path);
    all.filter(|key| fs::metadata(key).is_ok_and(|found| found.permissions().mode() & OTHERS != 0)).collect()
}

/// What a door reads, and the schema files that decide what is let in.
fn print_enforced(enforced: &[Enforced]) {
    for Enforced { what, files } in enforced {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        println!("             {what}: {}", files.join(", "));
    }
}
