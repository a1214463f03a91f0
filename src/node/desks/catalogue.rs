//! `lango catalogue`: the running catalogue against its files, and the files in force.

use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::super::catalogue_files::Change;
use super::super::reload::{CATALOGUE, Taken};

impl NodeAdmin {
    pub(super) async fn catalogue_command(&self, by: &str, verb: &str) -> Option<Result<Value, String>> {
        let (files, by) = (self.desks.catalogue.clone(), by.to_owned());
        let changes = match verb {
            // Both read files, which the threads that answer third parties do not wait for.
            "diff" => tokio::task::spawn_blocking(move || files.pending()).await,
            "reload" => tokio::task::spawn_blocking(move || files.reload(&by)).await,
            _ => return None,
        };
        if let ("reload", Ok(reloaded)) = (verb, &changes) {
            let fault = reloaded.as_ref().err().map(|faults| faults.join("; "));
            self.desks.reloader.keep_faults(&[Taken { what: CATALOGUE.into(), fault }]);
        }
        Some(match changes {
            Ok(Ok(changes)) => Ok(json!({ "changes": changes.iter().map(shown).collect::<Vec<_>>() })),
            Ok(Err(faults)) => {
                Err(format!("the catalogue has faults; the one before stays in force\n{}", faults.join("\n")))
            }
            Err(error) => Err(error.to_string()),
        })
    }
}

fn shown(change: &Change) -> Value {
    let differences: Vec<String> = change.differences.iter().map(ToString::to_string).collect();
    json!({ "from": change.from.map(|day| day.to_string()), "differences": differences })
}
