//! `lango approval`: what waits for the provider's approval. Who decides proves to be an operator of
//! the provider, since the user of the operating system says nothing about that (S4).

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use crate::access::CredentialVerdict;
use crate::core::{ConversationId, OperatorId, PendingApproval, Report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    after: Option<String>,
}

/// The credential is encrypted, as third parties send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deciding {
    conversation: String,
    operator: String,
    credential: String,
    reason: Option<String>,
}

impl NodeAdmin {
    pub(super) async fn approval_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => self.approvals(arguments),
            "approve" => self.decide(by, "approval-given", arguments).await,
            "refuse" => self.decide(by, "approval-refused", arguments).await,
            _ => return None,
        })
    }

    fn approvals(&self, arguments: Value) -> Result<Value, String> {
        let Listed { after } = read(arguments)?;
        let after = after.as_deref().map(ConversationId::parse).transpose().map_err(in_words)?;
        let waiting = self.broker.approvals(after.as_ref()).map_err(in_words)?;
        Ok(json!({ "approvals": waiting.iter().map(shown).collect::<Vec<_>>() }))
    }

    async fn decide(&self, by: &str, event: &str, arguments: Value) -> Result<Value, String> {
        let wanted: Deciding = read(arguments)?;
        let conversation = ConversationId::parse(&wanted.conversation).map_err(in_words)?;
        let checker = self.verified(by, &wanted.operator, &wanted.credential).await?;
        let reason = wanted.reason.unwrap_or_default();
        let report = match event {
            "approval-given" => self.broker.approve(&conversation, checker).await,
            _ => self.broker.refuse_approval(&conversation, checker, &reason).await,
        };
        let report = report.map_err(in_words)?;
        let operator = checker.to_string();
        let fields = [
            ("conversation", conversation.as_str()),
            ("operator", &operator),
            ("reason", &reason),
            ("code", report.code.as_str()),
        ];
        self.record(event, by, &fields);
        Ok(outcome(&report))
    }

    /// The operator, if the credential is its own. Whatever is wrong, the answer is the same (S6).
    pub(super) async fn verified(&self, by: &str, name: &str, credential: &str) -> Result<OperatorId, String> {
        let operator = self.operator(name).ok();
        let id = operator.as_ref().map(|operator| operator.id.value());
        match (self.access.verify_credential(by, id, credential).await, operator) {
            (CredentialVerdict::Verified, Some(operator)) => Ok(operator.id),
            _ => Err(format!("{name} is no operator, or that is not its password, or it is locked or expired")),
        }
    }
}

fn shown(pending: &PendingApproval) -> Value {
    let order = &pending.order;
    json!({
        "conversation": order.conversation,
        "command": order.command,
        "third_party": order.third_party,
        "initiator": pending.initiator.to_string(),
        "original": pending.original.as_str(),
        "amount": pending.amount.to_string(),
        "requested": time(pending.requested),
        "expires": time(pending.expires),
    })
}

fn outcome(report: &Report) -> Value {
    json!({ "code": report.code.as_str(), "description": report.description, "receipt": report.receipt.as_str() })
}
