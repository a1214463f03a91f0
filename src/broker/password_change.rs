//! changePassword: a third party that proved its present password gives itself another one
//! (protocol.md 1.6, 1.8). Failures are answered as the broker's own errors are.

use super::third_party::soap_answer;
use super::{Answer, Broker, Refusal, Request};
use crate::access::{ChangePasswordError, NetworkKind};
use crate::mminterface::{Interfaces, write_password_changed};
use crate::store::CommitError;

/// Success, as this operation and queryTransaction spell it (protocol.md 2.1).
const SUCCESS: (&str, &str) = ("000000000", "Success");

impl Broker {
    /// Answers a request to the path of changePassword.
    pub(super) async fn change_password(&self, mut request: Request) -> Answer {
        let call = match self.call(&mut request, NetworkKind::Vpn, Interfaces::read_password_change) {
            Ok(call) => call,
            Err(answer) => return *answer,
        };
        match self.parts.access.change_password(&call.permit, &call.message.new_password).await {
            Ok(()) => {
                let (code, description) = SUCCESS;
                self.parts.metrics.answer(code);
                let version = call.message.version;
                soap_answer(version, write_password_changed(code, description, version))
            }
            Err(error) => self.refuse(&request, &call.permit.third_party().name, &refusal(error)),
        }
    }
}

/// A password that was not proved is answered like one that is wrong.
fn refusal(error: ChangePasswordError) -> Refusal {
    match error {
        ChangePasswordError::NotOffered => Refusal::NotOffered("the third party has no key for changePassword"),
        ChangePasswordError::NotProved => Refusal::NotProved,
        ChangePasswordError::NewPassword(reason) => Refusal::Value { name: "newPassword", reason: reason.to_owned() },
        ChangePasswordError::Conflict => Refusal::Overloaded("the third party's record is being changed by others"),
        ChangePasswordError::Commit(CommitError::Busy | CommitError::Full) => Refusal::Overloaded("the store is full"),
        ChangePasswordError::Vault(_) | ChangePasswordError::Read(_) | ChangePasswordError::Commit(_) => {
            Refusal::Internal(error.to_string())
        }
    }
}
