//! Puts the demonstration on record: through the same decisions that create any organization,
//! operator or subscriber, and with money that comes out of the trust account.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use super::demonstration::{
    BULK, CASHIER, CLERK, Demonstration, NEIGHBOUR, NEIGHBOUR_SP_ID, OrganizationSeed, PAYBILL, PAYER, SERVICE_ID,
    SP_ID, SUBSCRIBERS, SubscriberSeed, THIRD_PARTY,
};
use super::{Keys, PartnerKeys};
use crate::access::{ClientKey, HashCost, KeyFingerprint, Secret, ThirdParty, Vault, credential, third_party};
use crate::clock::{Timestamp, Zone};
use crate::config::Settings;
use crate::core::directory::{self, NewOperator, NewOrganization, PersonName, Status};
use crate::core::roles::Grant;
use crate::core::{
    Account, AccountKind, Amount, Catalogue, Core, CoreSettings, Draw, Holder, Msisdn, OperatorId, Shortcode,
};
use crate::node::{Seams, open_store};
use crate::store::{Store, WriteSet};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Commits everything to the deployment's store.
pub(super) async fn seed(settings: &Settings, demonstration: &Demonstration, keys: &Keys, seams: &Seams) -> Result<()> {
    let Some(partners) = keys.partners else { return Ok(()) };
    let catalogue = match Catalogue::shipped() {
        Ok(catalogue) => Arc::new(catalogue),
        Err(errors) => bail!("the shipped catalogue has {} faults", errors.len()),
    };
    let core_settings = CoreSettings {
        zone: Zone::named(&settings.node.zone)?,
        digit: settings.node.digit,
        currency: settings.node.currency.clone(),
    };
    let store = open_store(settings)?;
    let seeder = Seeder {
        store: Arc::clone(&store) as Arc<dyn Store>,
        core: Core::new(catalogue, core_settings),
        vault: Vault::load(&settings.node.secret_key)?,
        demonstration,
        seams,
        now: seams.clock.now(),
    };
    let seeded = seeder.everything(partners).await;
    tokio::task::spawn_blocking(move || store.close()).await?;
    seeded
}

struct Seeder<'a> {
    store: Arc<dyn Store>,
    core: Core,
    vault: Vault,
    demonstration: &'a Demonstration,
    seams: &'a Seams,
    now: Timestamp,
}

impl Seeder<'_> {
    async fn everything(&self, partners: PartnerKeys) -> Result<()> {
        for organization in [PAYBILL, BULK] {
            self.organization(&organization).await?;
        }
        for subscriber in SUBSCRIBERS {
            self.subscriber(&subscriber).await?;
        }
        let queries = ["Balance Query Org API", "Transaction Status Query Org API"];
        let pays = ["Org B2C API Initiator", queries[0], queries[1]];
        self.operator(BULK.shortcode, PAYER, &pays).await?;
        self.operator(BULK.shortcode, CLERK, &["Business Manager"]).await?;
        self.operator(PAYBILL.shortcode, CASHIER, &pays).await?;
        let own = [PAYBILL.shortcode, BULK.shortcode];
        let duka = self.third_party(THIRD_PARTY, SP_ID, partners.third_party, &self.demonstration.sp_password)?;
        self.commit_third_party(ThirdParty {
            service_ids: vec![SERVICE_ID.into()],
            shortcodes: own.map(str::to_owned).into(),
            result_url: Some(self.demonstration.receiver_url("/result")),
            queue_timeout_url: Some(self.demonstration.receiver_url("/timeout")),
            ..duka
        })
        .await?;
        let jirani =
            self.third_party(NEIGHBOUR, NEIGHBOUR_SP_ID, partners.neighbour, &self.demonstration.neighbour_password)?;
        self.commit_third_party(jirani).await
    }

    async fn organization(&self, seed: &OrganizationSeed) -> Result<()> {
        let shortcode = Shortcode::parse(seed.shortcode)?;
        let new = NewOrganization {
            shortcode: shortcode.clone(),
            name: seed.name.into(),
            products: vec![seed.product.into()],
            parent: None,
            validation: seed.validation,
            tariff: None,
        };
        self.commit(directory::create_organization(&self.core, &*self.store, new, self.now)?).await?;
        self.fund(Account::new(Holder::Organization(shortcode), AccountKind::Utility), seed.utility).await
    }

    async fn subscriber(&self, seed: &SubscriberSeed) -> Result<()> {
        let msisdn = Msisdn::parse(seed.msisdn, self.core.catalogue().numbering())?;
        let [first, middle, last] = seed.name.map(str::to_owned);
        let name = PersonName { first, middle, last };
        self.commit(directory::create_subscriber(&*self.store, msisdn.clone(), name, true, self.now)?).await?;
        self.fund(Account::new(Holder::Subscriber(msisdn), AccountKind::Working), seed.balance).await
    }

    async fn fund(&self, account: Account, minor: i64) -> Result<()> {
        if minor == 0 {
            return Ok(());
        }
        let amount = Amount::from_minor(minor);
        let (_, write_set) = directory::fund(&self.core, &*self.store, account, amount, self.now, self.draw())?;
        self.commit(write_set).await
    }

    async fn operator(&self, shortcode: &str, user_name: &str, roles: &[&str]) -> Result<OperatorId> {
        let grants = roles.iter().map(|role| Grant { role: (*role).into(), effective: self.now, expires: None });
        let new = NewOperator {
            shortcode: Some(Shortcode::parse(shortcode)?),
            user_name: user_name.into(),
            roles: grants.collect(),
            status: Status::Active,
        };
        let (id, granted) = directory::create_operator(&self.core, &*self.store, new, self.now, self.draw())?;
        let mut write_set = granted.write_set;
        write_set.extend(credential::set_password(
            &*self.store,
            id.value(),
            &self.demonstration.operator_password,
            HashCost::default(),
            self.now,
            &*self.seams.entropy,
        )?);
        self.commit(write_set).await?;
        Ok(id)
    }

    fn third_party(&self, name: &str, sp_id: &str, fingerprint: KeyFingerprint, password: &str) -> Result<ThirdParty> {
        let mut party = ThirdParty::new(name, sp_id);
        party.keys = vec![ClientKey { fingerprint, not_before: self.now, not_after: self.now.plus(YEAR) }];
        party.seal_password(&Secret::new(password), &self.vault, &*self.seams.entropy)?;
        Ok(party)
    }

    async fn commit_third_party(&self, party: ThirdParty) -> Result<()> {
        self.commit(third_party::save(&*self.store, &party)?).await
    }

    async fn commit(&self, write_set: WriteSet) -> Result<()> {
        self.store.commit(write_set).await?;
        Ok(())
    }

    fn draw(&self) -> Draw {
        Draw(self.seams.entropy.u64())
    }
}
