//! The plan of the house (ARCHITECTURE.md): a module knows only what stands below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down. Modules on one line know nothing of each other.
const PLAN: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["node"],
    &["server"],
    &["broker"],
    &["callbacks"],
    &["core"],
    &["access"],
    &["mminterface"],
    &["soap"],
    &["store"],
    &["telemetry"],
    &["config"],
    &["clock", "entropy"],
];

/// What the core has no business with.
const IMPURE: &[&str] =
    &["tokio", "hyper", "reqwest", "SystemTime", "Instant", "std::fs", "std::net", "aws_lc_rs", "thread::", "println!"];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files
}

fn level(module: &str) -> Option<usize> {
    PLAN.iter().position(|row| row.contains(&module))
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without its tests, which may look wherever they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || ["tests.rs", "testing.rs", "conformance.rs"].iter().any(|name| path.ends_with(name))
}

#[test]
fn arrows_between_modules_point_down_only() {
    let mut wrong = Vec::new();
    for path in all_sources().into_iter().filter(|path| !is_test(path)) {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let here = level(&module).unwrap_or_else(|| panic!("{module} is not in the plan"));
        for (at, line) in code(&path).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (_, rest) in line.match_indices("crate::").map(|(at, _)| line.split_at(at + "crate::".len())) {
                let known: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let Some(there) = level(&known) else { continue };
                if known != module && there <= here {
                    wrong.push(format!("{}:{}: {module} knows {known}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for path in all_sources().into_iter().filter(|path| !is_test(path) && module_of(path) == "core") {
        for (at, line) in code(&path).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", path.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_holds_two_subjects() {
    let long: Vec<String> = all_sources()
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > 700)
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
