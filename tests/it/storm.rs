//! A storm: payments in both directions while the node is killed again and again, the third party's server
//! fails, and everybody who got no answer asks again. Afterwards comes what an integrator's reconciliation
//! does: what each side was told is compared with the books.
//!
//! The seed of what happens by chance is printed; `LANGO_TEST_SEED` gives it again, as far as the machine
//! plays along. `LANGO_TEST_KILLS` asks for more kills.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use hyper::StatusCode;
use lango::cli::demo::stage::REQUEST_PATH;
use lango::cli::deployment::{BULK, PAYBILL, ReadDemonstration, SUBSCRIBERS, shillings};
use lango::cli::receiver::Call;
use lango::cli::soap_client::SoapClient;
use lango::core::Amount;
use lango::entropy::{Entropy, SeededEntropy, SystemEntropy};
use lango::mminterface::{
    HandsetParty, HandsetPayment, RequestDocument, ValidationResult, read_handset_answer, read_response, read_result,
    write_acknowledgement, write_confirmation_result, write_handset_payment, write_validation_result,
};

use crate::callback_shop::{self, Shop, json, listed, said, url_of, wait_until};
use crate::house::{Deployed, PATIENCE, Served};

const KILLS: u64 = 6;
/// Callers of each kind at a time.
const CALLERS: usize = 3;
/// Nobody waits for minutes here.
const HASTE: [(&str, &str); 3] = [
    (
        "schedule_seconds = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]",
        "schedule_seconds = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    ),
    ("breaker_seconds = 30", "breaker_seconds = 1"),
    ("validation_milliseconds_max = 8000", "validation_milliseconds_max = 1500"),
];

/// An account: whose, and which.
type Which = (&'static str, &'static str);
const PAYER: Which = (SUBSCRIBERS[0].msisdn, "working");
const EARNER: Which = (SUBSCRIBERS[1].msisdn, "working");
const EMPLOYER: Which = (BULK.shortcode, "utility");
const SHOP: Which = (PAYBILL.shortcode, "utility");

/// Each payment has an amount of its own: this, and its number in cents.
const SALARY: i64 = shillings(10);
const BILL: i64 = shillings(1);
/// More than may be paid at a time.
const TOO_MUCH: i64 = shillings(900_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn l6_d1_d2_d8_after_a_storm_of_kills_all_were_told_what_the_books_say_and_once() {
    let asked = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = asked("LANGO_TEST_SEED").unwrap_or_else(|| SystemEntropy.u64());
    println!("LANGO_TEST_SEED={seed}");
    let mut storm = Storm::brewing(seed).await;
    let served = storm.rage(asked("LANGO_TEST_KILLS").unwrap_or(KILLS)).await;
    let paid = storm.results_are_those_of_requests();
    let bills = storm.confirmations_are_those_of_bills();
    storm.books_agree(&paid, &bills);
    storm.numbers_have_no_gaps();
    served.terminated();
    said(&storm.deployed, &["store", "verify"]);
    assert!(paid.len() > 5 && bills.len() > 5, "it was no storm");
}

/// What happens by chance, until it is calm.
struct Weather {
    entropy: SeededEntropy,
    calm: AtomicBool,
}

impl Weather {
    fn one_in(&self, count: u64) -> bool {
        !self.calm.load(Ordering::SeqCst) && self.entropy.u64().is_multiple_of(count)
    }

    fn pause(&self, milliseconds: Range<u64>) -> Duration {
        let span = milliseconds.end - milliseconds.start;
        Duration::from_millis(milliseconds.start + self.entropy.u64() % span)
    }

    /// The third party's server: late, out of order, and of changing opinions.
    fn answer(&self, call: &Call) -> (StatusCode, String) {
        if self.one_in(7) {
            std::thread::sleep(self.pause(5..120));
        }
        let body = match call.path.as_str() {
            "/validation" => {
                let result_code = if self.one_in(6) { "C2B00012" } else { "0" }.into();
                write_validation_result(&ValidationResult {
                    result_code,
                    result_desc: None,
                    third_party_trans_id: None,
                })
            }
            "/confirmation" => write_confirmation_result("T1"),
            _ => write_acknowledgement("00000000", "success"),
        };
        (if self.one_in(6) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }, body)
    }
}

/// What callers were told of each of their payments, by its number: each different thing once.
type Told = Arc<Mutex<BTreeMap<u64, BTreeSet<(String, Option<String>)>>>>;

/// A program that pays until the storm is over.
#[derive(Clone)]
struct Caller {
    weather: Arc<Weather>,
    over: Arc<AtomicBool>,
    numbers: Arc<AtomicU64>,
    program: Arc<ReadDemonstration>,
    client: SoapClient,
    told: Told,
}

impl Caller {
    fn next(&self) -> Option<u64> {
        (!self.over.load(Ordering::SeqCst)).then(|| self.numbers.fetch_add(1, Ordering::SeqCst))
    }

    /// Sends a message until there is an answer that `read` takes for one; sometimes twice at the same time, and
    /// now and then once more, as what was answered may get lost on the way to the caller's own books.
    async fn insist(
        &self,
        number: u64,
        path: &str,
        message: String,
        read: impl Fn(&[u8]) -> Option<(String, Option<String>)>,
    ) {
        let mut sure = false;
        while !sure || self.weather.one_in(4) {
            let copies = if self.weather.one_in(3) { 2 } else { 1 };
            let replies = join_all((0..copies).map(|_| self.client.post(path, message.clone()))).await;
            let answers: Vec<_> = replies.into_iter().flatten().filter_map(|reply| read(&reply.body)).collect();
            if answers.is_empty() {
                tokio::time::sleep(self.weather.pause(5..50)).await;
            } else {
                self.told.lock().unwrap().entry(number).or_default().extend(answers);
                sure = true;
            }
        }
    }

    async fn pays_salaries(self) {
        let like = self.program.pay_out("", &self.program.salary()).unwrap();
        let mut receiver = like.receiver_party.clone().unwrap();
        receiver.identifier = EARNER.0.into();
        while let Some(number) = self.next() {
            let document = RequestDocument {
                originator_conversation_id: salary_id(number),
                parameters: vec![("Amount".into(), Amount::from_minor(salary(number)).to_string())],
                receiver_party: Some(receiver.clone()),
                ..like.clone()
            };
            let message = self.program.envelope(self.program.claim(), &document);
            let read = |body: &[u8]| {
                let response = read_response(body).unwrap();
                let busy = response.response_code.starts_with("1000000");
                assert!(busy || response.response_code == "0", "{response:?}");
                (!busy).then_some((response.response_code, response.conversation_id))
            };
            self.insist(number, REQUEST_PATH, message, read).await;
        }
    }

    async fn pays_bills(self) {
        while let Some(number) = self.next() {
            let payment = HandsetPayment {
                session_id: format!("storm-{number}"),
                transaction_type: "CustomerPayBillOnline".into(),
                payer: HandsetParty::Msisdn(PAYER.0.into()),
                payee: HandsetParty::ShortCode(SHOP.0.into()),
                account_reference: Some(format!("INV-{number}")),
                amount: Amount::from_minor(bill(number)).to_string(),
                timestamp: None,
            };
            let read = |body: &[u8]| {
                let answer = read_handset_answer(body).unwrap();
                let under_way = answer.result_code == "100000000";
                (!under_way).then_some((answer.result_code, answer.transaction_id))
            };
            self.insist(number, "/handset/payment", write_handset_payment(&payment), read).await;
        }
    }
}

fn salary_id(number: u64) -> String {
    format!("{}_storm_{number}", BULK.shortcode)
}

fn salary(number: u64) -> i64 {
    if number.is_multiple_of(9) { TOO_MUCH } else { SALARY + number as i64 }
}

fn bill(number: u64) -> i64 {
    BILL + number as i64
}

/// A deployment, and everybody's view of what happened to it.
struct Storm {
    deployed: Deployed,
    weather: Arc<Weather>,
    shop: Shop,
    requests: Told,
    bills: Told,
    served: Option<Served>,
    /// Before it: receipts on the accounts of the salaries, and their funds.
    before: [(BTreeSet<String>, i64); 2],
}

impl Storm {
    async fn brewing(seed: u64) -> Self {
        let weather = Arc::new(Weather { entropy: SeededEntropy::new(seed), calm: AtomicBool::new(false) });
        let deployed = Deployed::with_demonstration().await;
        HASTE.iter().for_each(|(from, to)| deployed.set(from, to));
        let sky = Arc::clone(&weather);
        let shop = Shop::speaking(&deployed, move |call| sky.answer(call)).await;
        let served = Some(deployed.served());
        let [confirmation, validation] = ["/confirmation", "/validation"].map(|path| url_of(&deployed, path));
        let urls = ["--confirmation", &confirmation, "--validation", &validation, "--default", "completed"];
        said(&deployed, &[&["url", "set", SHOP.0], &urls[..]].concat());
        said(&deployed, &["ledger", "fund", PAYER.0, PAYER.1, "100000"]);
        let before = [EARNER, EMPLOYER].map(|account| (receipts(&deployed, account), funds(&deployed, account)));
        Self { deployed, weather, shop, requests: Told::default(), bills: Told::default(), served, before }
    }

    /// Pays and kills, and ends when everybody has his answers and nothing is left to be delivered.
    async fn rage(&mut self, kills: u64) -> Served {
        let over: Arc<AtomicBool> = Arc::default();
        let caller = |client, told: &Told| Caller {
            weather: Arc::clone(&self.weather),
            over: Arc::clone(&over),
            numbers: Arc::new(AtomicU64::new(1)),
            program: Arc::new(self.deployed.demonstration.clone()),
            client,
            told: Arc::clone(told),
        };
        let payroll = caller(self.deployed.program(), &self.requests);
        let phones = caller(self.deployed.gateway(), &self.bills);
        let salaries = (0..CALLERS).map(|_| tokio::spawn(payroll.clone().pays_salaries()));
        let bills = (0..CALLERS).map(|_| tokio::spawn(phones.clone().pays_bills()));
        let callers: Vec<_> = salaries.chain(bills).collect();

        let mut served = self.served.take().unwrap();
        for _ in 0..kills {
            // Nothing is waited for: it dies whenever the weather says so.
            tokio::time::sleep(self.weather.pause(20..900)).await;
            served = tokio::task::block_in_place(|| {
                served.killed();
                self.deployed.served()
            });
        }
        over.store(true, Ordering::SeqCst);
        for caller in callers {
            tokio::time::timeout(PATIENCE * 3, caller).await.expect("a caller still has no answer").unwrap();
        }
        self.weather.calm.store(true, Ordering::SeqCst);
        let requests = self.requests.lock().unwrap().len();
        println!("{requests} requests, {} bills, {kills} kills", self.bills.lock().unwrap().len());
        wait_until("every result arrives", || self.results().len() >= requests);
        wait_until("nothing is pending", || listed(&self.deployed, "pending").is_empty());
        assert!(listed(&self.deployed, "dead").is_empty());
        served
    }

    /// Each request began one conversation and has one result, however often it came. The receipts of those that
    /// were paid, by number.
    fn results_are_those_of_requests(&self) -> BTreeMap<String, u64> {
        let (requests, results) = (self.requests.lock().unwrap(), self.results());
        assert_eq!(results.len(), requests.len(), "d1: results without requests");
        let mut paid = BTreeMap::new();
        for (&number, answers) in requests.iter() {
            let told = results.get(&salary_id(number)).unwrap_or_else(|| panic!("d1: {number} has no result"));
            assert_eq!((answers.len(), told.len()), (1, 1), "l6, d2: {number}: {answers:?}, {told:?}");
            let (Some((_, conversation)), Some(result)) = (answers.first(), told.first()) else { unreachable!() };
            assert_eq!(conversation.as_ref(), Some(&result.conversation), "the result of another conversation");
            assert_eq!(result.code == "0", salary(number) != TOO_MUCH, "{result:?}");
            if result.code == "0" {
                let other = paid.insert(result.receipt.clone().unwrap(), number);
                assert_eq!(other, None, "l6: one receipt for two requests");
            }
        }
        paid
    }

    /// The gateway was told one outcome of each bill, and the shop of all that were paid and of no others. Their
    /// receipts, by number.
    fn confirmations_are_those_of_bills(&self) -> BTreeMap<String, u64> {
        let mut paid = BTreeMap::new();
        for (&number, outcomes) in self.bills.lock().unwrap().iter() {
            assert_eq!(outcomes.len(), 1, "l6: bill {number}: {outcomes:?}");
            if let Some((code, Some(receipt))) = outcomes.first()
                && code == "0"
            {
                assert_eq!(paid.insert(receipt.clone(), number), None, "l6: one receipt for two bills");
            }
        }
        let mut deliveries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for confirmed in self.shop.confirmed() {
            deliveries.entry(confirmed.receipt).or_default().insert(confirmed.delivery);
        }
        assert!(deliveries.keys().eq(paid.keys()), "d1: confirmations are not those of bills that were paid");
        assert!(deliveries.values().all(|ids| ids.len() == 1), "d2: a duplicate with another id: {deliveries:?}");
        paid
    }

    fn books_agree(&self, salaries: &BTreeMap<String, u64>, bills: &BTreeMap<String, u64>) {
        let total: i64 = salaries.values().map(|&number| salary(number)).sum();
        for ((account, (known, funds_before)), gained) in
            [EARNER, EMPLOYER].into_iter().zip(&self.before).zip([total, -total])
        {
            let receipts = receipts(&self.deployed, account);
            let new: BTreeSet<&String> = receipts.difference(known).collect();
            assert!(new.into_iter().eq(salaries.keys()), "l6: {account:?}: paid and not told, or told and not paid");
            assert_eq!(funds(&self.deployed, account), funds_before + gained, "l6: {account:?}");
        }
        let earned: i64 = bills.values().map(|&number| bill(number)).sum();
        assert_eq!(funds(&self.deployed, SHOP), earned, "l6: the shop has not what it was told of");
        let verified = json(&self.deployed, &["ledger", "verify"]);
        assert_eq!(
            (verified["sum"].as_str(), verified["faults"].as_array().unwrap().as_slice()),
            (Some("0"), &[][..]),
            "l1, l4"
        );
    }

    fn numbers_have_no_gaps(&self) {
        let mut numbers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for row in listed(&self.deployed, "delivered") {
            let owner = numbers.entry(row["owner"].as_str().unwrap().to_owned()).or_default();
            assert!(owner.insert(row["number"].as_u64().unwrap()), "d8: a number twice: {row}");
        }
        for (owner, numbers) in numbers {
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "d8: {owner}: {numbers:?}");
        }
    }

    /// What the shop was told of each request.
    fn results(&self) -> BTreeMap<String, BTreeSet<Heard>> {
        let mut results: BTreeMap<String, BTreeSet<Heard>> = BTreeMap::new();
        for call in self.shop.calls.lock().unwrap().iter().filter(|call| call.path == "/result") {
            let result = read_result(call.body.as_bytes()).unwrap();
            results.entry(result.originator_conversation_id).or_default().insert(Heard {
                delivery: call.headers["webhook-id"].to_str().unwrap().into(),
                conversation: result.conversation_id,
                code: result.result_code,
                receipt: result.transaction_id,
            });
        }
        results
    }
}

/// A result as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Heard {
    delivery: String,
    conversation: String,
    code: String,
    receipt: Option<String>,
}

/// The receipts on an account's statement.
fn receipts(deployed: &Deployed, (holder, account): Which) -> BTreeSet<String> {
    let mut receipts = BTreeSet::new();
    let mut after = "0".to_owned();
    loop {
        let page = json(deployed, &["ledger", "statement", holder, account, "--after", &after]);
        let lines = page["lines"].as_array().unwrap();
        let Some(last) = lines.last() else { return receipts };
        after = last["number"].to_string();
        receipts.extend(lines.iter().map(|line| line["receipt"].as_str().unwrap().to_owned()));
    }
}

/// What an account has, of which nothing may be reserved.
fn funds(deployed: &Deployed, (holder, account): Which) -> i64 {
    let one = callback_shop::account(deployed, holder, account);
    assert_eq!(one["reserved"], "0.00", "{holder}: {one}");
    Amount::parse(one["available"].as_str().unwrap()).unwrap().minor()
}
