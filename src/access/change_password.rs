//! changePassword: a third party gives itself a new password. The one before stays valid beside it
//! for a set time, so that its programs can change over one after the other.

use std::time::Duration;

use super::authenticate::PasswordUsed;
use super::new_password::{NewPasswordFault, open_new_password};
use super::third_party::{self, PreviousPassword, ThirdParty};
use super::{Access, Permit, Secret, VaultError};
use crate::store::{CommitError, ReadError, WriteSet, encode};

/// Attempts while others change the same record.
const ATTEMPTS_MAX: usize = 4;

/// Why a third party's password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// It was given no key to send new ones with.
    #[error("the third party has no key to change its password with")]
    NotOffered,
    /// It did not prove its present password, only an earlier one or none.
    #[error("the present password was not proved")]
    NotProved,
    /// What came is no password in the agreed form, whatever exactly is wrong with it.
    #[error("newPassword {0}")]
    NewPassword(&'static str),
    /// Others change the record all the time, or it is gone.
    #[error("the third party's record is being changed by others")]
    Conflict,
    /// A secret of the record does not open, or none can be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Access {
    /// Sets the password of the third party that was let in to what it sent. The same again, because
    /// the answer was lost, changes nothing and is well.
    pub async fn change_password(&self, permit: &Permit, new_password: &str) -> Result<(), ChangePasswordError> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(write_set) = self.password_change(permit, new_password)? else { return Ok(()) };
            match self.store.commit(write_set).await {
                Ok(_) => {
                    self.refresh()?;
                    let name = permit.third_party().name.as_str();
                    self.audit.record("third-party-password-changed", &[("third_party", name)]);
                    return Ok(());
                }
                Err(CommitError::Expectation(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ChangePasswordError::Conflict)
    }

    /// What is to be written; none if it is the password already.
    fn password_change(&self, permit: &Permit, sent: &str) -> Result<Option<WriteSet>, ChangePasswordError> {
        let proved = permit.third_party();
        let found = third_party::read(&*self.store, &proved.name)?;
        let Some((mut party, version)) = found else { return Err(ChangePasswordError::Conflict) };
        let (Some(present), Some((key, vector))) =
            (party.open_password(&self.vault)?, party.open_change_key(&self.vault)?)
        else {
            return Err(ChangePasswordError::NotOffered);
        };
        let new =
            open_new_password(sent, &key, &vector).map_err(|fault| ChangePasswordError::NewPassword(words(fault)))?;
        if permit.password_used() == PasswordUsed::None {
            return Err(ChangePasswordError::NotProved);
        }
        if new.expose() == present.expose() {
            return Ok(None);
        }
        // What was proved must be the present password still, or two changes at once would both win.
        if permit.password_used() != PasswordUsed::Present || party.password != proved.password {
            return Err(ChangePasswordError::NotProved);
        }
        self.replace_password(&mut party, &new)?;
        let mut write_set = WriteSet::new();
        write_set.expect_version(third_party::key(&party.name), version);
        write_set.put(third_party::key(&party.name), encode(&party));
        Ok(Some(write_set))
    }

    /// Gives a third party's record another password, beside which the present one stays valid for
    /// the set time. The record is still to be saved.
    fn replace_password(&self, party: &mut ThirdParty, new: &Secret) -> Result<(), VaultError> {
        let until = self.clock.now().plus(Duration::from_secs(self.previous_password_seconds));
        let previous = party.password.take().map(|sealed| PreviousPassword { sealed, until });
        self.seal_password(party, new)?;
        party.previous_password = previous;
        Ok(())
    }
}

fn words(fault: NewPasswordFault) -> &'static str {
    match fault {
        NewPasswordFault::Base64 => "is no base64 of whole blocks",
        NewPasswordFault::Cipher => "does not decrypt with the third party's key",
        NewPasswordFault::Rule => "is no password that may be set",
    }
}
