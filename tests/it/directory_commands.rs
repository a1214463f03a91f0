//! A deployment with nobody in it is put to use by commands alone, and what these change holds at the
//! doors.

use crate::office::{AGENT, AMINA, BULK, JUMA, Office, PASSWORD, PAYBILL, TILL, Wish, operator, pay_out};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_deployment_is_made_usable_by_commands_alone() {
    let mut office = Office::opened().await;
    assert_eq!(office.pays_out("1000").await, "0");
    assert_eq!(office.available(AMINA, "working"), "1000.00");
    assert_eq!(office.available(BULK, "utility"), "99000.00");
    let shown = office.says(&["org", "show", BULK]);
    assert!(shown.contains("Mashamba Payroll") && shown.contains("Bulk"), "{shown}");
    let statement = office.says(&["ledger", "statement", AMINA, "working"]);
    assert!(statement.contains("BusinessPayment") && statement.contains("1000.00"), "{statement}");
    for (event, field, value) in [
        ("party-added", "third_party", "mfano"),
        ("party-password-set", "third_party", "mfano"),
        ("organization-added", "organization", BULK),
        ("operator-password-set", "name", &operator(BULK)),
        ("subscriber-added", "subscriber", AMINA),
        ("funds-added", "amount", "100000.00"),
    ] {
        let lines = office.audited(event);
        let line = lines.iter().find(|line| line[field] == value).unwrap_or_else(|| panic!("no {event}: {lines:?}"));
        assert!(line["by"].as_str().unwrap().starts_with("uid "), "{line}");
    }
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_five_payments_of_handsets_work_through_their_door() {
    let office = Office::opened().await;
    let pays = |arguments: &[&str]| office.handset(arguments);
    assert_eq!(pays(&["--from-agent", AGENT, "--to", AMINA, "--amount", "5000"]), "0");
    assert_eq!((&*office.available(AGENT, "float"), &*office.available(AMINA, "working")), ("15000.00", "5000.00"));
    assert_eq!(pays(&["--from", AMINA, "--to", JUMA, "--amount", "1500"]), "0");
    assert_eq!((&*office.available(AMINA, "working"), &*office.available(JUMA, "working")), ("3477.00", "1500.00"));
    assert_eq!(pays(&["--from", AMINA, "--to-paybill", PAYBILL, "--account", "A1", "--amount", "100"]), "0");
    assert_eq!(office.available(PAYBILL, "utility"), "100.00");
    assert_eq!(pays(&["--from", AMINA, "--to-till", TILL, "--amount", "200"]), "0");
    assert_eq!(office.available(TILL, "merchant"), "200.00");
    assert_eq!(pays(&["--from", JUMA, "--to-agent", AGENT, "--amount", "1000"]), "0");
    assert_eq!((&*office.available(AGENT, "float"), &*office.available(JUMA, "working")), ("16000.00", "471.00"));
    // What the catalogue does not offer to handsets, and parties of the wrong kind.
    assert_eq!(
        pays(&["--from", AMINA, "--to-paybill", PAYBILL, "--amount", "1", "--command", "BusinessPayBill"]),
        "1002"
    );
    assert_eq!(pays(&["--from", AMINA, "--to-paybill", PAYBILL, "--amount", "1", "--command", "SendMoney"]), "7");
    assert_eq!(pays(&["--from-agent", AGENT, "--to-paybill", PAYBILL, "--amount", "1"]), "6");
    office.closes();
}

/// Each state of an organization, an operator and a subscriber, and what it forbids.
#[tokio::test(flavor = "multi_thread")]
async fn each_state_forbids_what_it_should() {
    let mut office = Office::opened().await;
    let user = operator(BULK);
    for (state, code) in [("pending-active", "2001"), ("suspended", "2001"), ("locked", "2001"), ("active", "0")] {
        office.says(&["operator", "change", &user, "--state", state]);
        assert_eq!(office.pays_out("100").await, code, "operator {state}");
        office.says(&["operator", "change", &user, "--state", "active"]);
    }
    for (state, code) in [("pending-active", "2001"), ("suspended", "2001"), ("locked", "2001"), ("active", "0")] {
        office.says(&["org", "change", BULK, "--state", state]);
        assert_eq!(office.pays_out("101").await, code, "organization {state}");
    }
    // Who is paid: a locked one may be, others may not. Who pays must be active.
    for (state, paid, pays) in
        [("pending-active", "14", "11"), ("suspended", "14", "11"), ("locked", "0", "11"), ("active", "0", "0")]
    {
        office.says(&["subscriber", "change", AMINA, "--state", state]);
        let amount = if state == "locked" { "102" } else { "103" };
        assert_eq!(office.pays_out(amount).await, paid, "subscriber {state} is paid");
        assert_eq!(office.handset(&["--from", AMINA, "--to", JUMA, "--amount", "1"]), pays, "subscriber {state} pays");
    }
    for (state, paid) in [("pending-active", "14"), ("suspended", "14"), ("locked", "0"), ("active", "0")] {
        office.says(&["org", "change", PAYBILL, "--state", state]);
        let code = office.handset(&["--from", AMINA, "--to-paybill", PAYBILL, "--account", "A", "--amount", "1"]);
        assert_eq!(code, paid, "organization {state} is paid");
    }
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_was_empty_and_stays_closed() {
    let mut office = Office::opened().await;
    let why = office.refuses(&["org", "change", BULK, "--state", "closed"]);
    assert!(why.contains("Utility Account") && why.contains("not empty"), "{why}");
    office.says(&["org", "add", "600400", "--name", "Mpya", "--product", "Bulk"]);
    office.says(&["org", "change", "600400", "--state", "closed"]);
    assert!(office.refuses(&["org", "change", "600400", "--state", "active"]).contains("for good"));
    office.says(&["operator", "change", &operator(BULK), "--state", "closed"]);
    assert_eq!(office.pays_out("100").await, "2001");
    assert!(office.refuses(&["operator", "change", &operator(BULK), "--state", "active"]).contains("for good"));
    office.says(&["subscriber", "change", JUMA, "--state", "closed"]);
    assert_eq!(office.handset(&["--from-agent", AGENT, "--to", JUMA, "--amount", "100"]), "14");
    let changes = office.audited("organization-changed");
    assert!(changes.iter().any(|line| line["before"] == "active" && line["after"] == "closed"), "{changes:?}");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_each_request_is_judged_by_the_roles_of_its_own_channel_and_dates() {
    let mut office = Office::opened().await;
    let user = operator(BULK);
    office.says(&["role", "revoke", &user, "Org B2C API Initiator"]);
    assert_eq!(office.pays_out("100").await, "21");
    // A role of the portal, with every permission there is for money, is nothing at this door.
    let said = office.says(&["role", "grant", &user, "Business Manager"]);
    assert!(said.contains("warning: the operator works on several channels (Web, API)"), "{said}");
    assert_eq!(office.pays_out("100").await, "21");
    assert_eq!(office.audited("operator-warning").len(), 1);

    office.says(&["role", "grant", &user, "Org B2C API Initiator", "--effective", "2099-01-01"]);
    assert_eq!(office.pays_out("100").await, "21", "a role counts before its date");
    let past = ["--effective", "2020-01-01", "--expires", "2021-01-01"];
    office.says(&[&["role", "grant", &user, "Org B2C API Initiator"], past.as_slice()].concat());
    assert_eq!(office.pays_out("100").await, "21", "a role counts after its date");
    let now = ["--effective", "2020-01-01", "--expires", "2098-12-31"];
    office.says(&[&["role", "grant", &user, "Org B2C API Initiator"], now.as_slice()].concat());
    assert_eq!(office.pays_out("100").await, "0");
    let backwards =
        ["role", "grant", &user, "Balance Query Org API", "--effective", "2030-01-01", "--expires", "2029-01-01"];
    assert!(office.refuses(&backwards).contains("ends before it begins"));
    let shown = office.says(&["operator", "show", &user]);
    assert!(shown.contains("later") && shown.contains("over") && shown.contains("Business Manager"), "{shown}");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_an_excluded_role_is_not_granted() {
    let office = Office::founded().await;
    office.says(&["org", "add", BULK, "--name", "Mashamba", "--product", "Bulk"]);
    office.says(&["operator", "add", BULK, "bosi", "--role", "Business Administrator", "--expires", "2098-01-01"]);
    let boss = format!("{BULK}/bosi");
    let why = office.refuses(&["role", "grant", &boss, "Business Manager"]);
    assert!(why.contains("exclude each other") && why.contains("must not move money"), "{why}");
    office.says(&["role", "grant", &boss, "Business Manager", "--effective", "2098-01-01"]);
    let pair = ["operator", "add", BULK, "wote", "--role", "B2B Web Maker", "--role", "B2B Web Checker"];
    assert!(office.refuses(&pair).contains("exclude each other"));
    assert!(office.says(&["role", "show", "B2B Web Maker"]).contains("B2B Web Checker"));
    assert!(office.refuses(&["operator", "add", BULK, "nani", "--role", "Chief"]).contains("no role \"Chief\""));
    office.closes();
}

/// Each of two grants is right as long as the other one is not made: whoever commits second must see that.
#[tokio::test(flavor = "multi_thread")]
async fn s3_of_two_grants_at_once_that_exclude_each_other_one_is_made() {
    let office = Office::founded().await;
    office.says(&["org", "add", BULK, "--name", "Mashamba", "--product", "Bulk"]);
    for round in 0..8 {
        let name = format!("wote{round}");
        let user = format!("{BULK}/{name}");
        office.says(&["operator", "add", BULK, &name]);
        let grant = |role: &str| office.manages(&["role", "grant", &user, role]);
        let made = std::thread::scope(|scope| {
            let maker = scope.spawn(|| grant("B2B Web Maker"));
            let checker = scope.spawn(|| grant("B2B Web Checker"));
            [maker.join().unwrap(), checker.join().unwrap()]
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "{user}: {made:?}");
    }
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_pending_until_its_password_is_set_locks_and_is_unlocked() {
    let mut office = Office::opened().await;
    let user = operator(BULK);
    let mut wrong = office.document(&pay_out(&[("Amount", "100")]));
    office.says(&["operator", "add", BULK, "mpya.api", "--role", "Org B2C API Initiator"]);
    let shown = office.says(&["operator", "show", &format!("{BULK}/mpya.api")]);
    assert!(shown.contains("pending-active") && shown.contains("not set"), "{shown}");
    assert!(office.refuses(&["operator", "password", &user]).contains("password is missing"));

    let credential = std::fs::read_to_string(office.dir().join("certs/credential.pem")).unwrap();
    let fields = wrong.initiator.as_mut().unwrap();
    fields.security_credential = lango::access::security_credential("Wrong0ne#", &credential).unwrap();
    for attempt in 0..5 {
        wrong.originator_conversation_id = format!("guess-{attempt}");
        assert_eq!(office.sends(&wrong).await.response_code, "0");
        assert_eq!(office.result().await.result_code, "2001");
    }
    assert_eq!(office.pays_out("100").await, "2001", "it is not locked");
    assert!(office.says(&["operator", "show", &user]).contains("locked"));
    office.says(&["operator", "unlock", &user]);
    assert_eq!(office.pays_out("100").await, "0");
    let listed = office.says(&["operator", "list", BULK]);
    assert!(listed.contains(&user) && listed.contains("mpya.api"), "{listed}");
    assert!(!listed.contains(PASSWORD), "s5: {listed}");
    office.closes();
}

/// domain.md 7: who may set the password of an API operator and who may unlock it, by roles of the portal
/// and within one's own organization.
#[tokio::test(flavor = "multi_thread")]
async fn s2_an_operator_is_unlocked_and_gets_its_password_by_the_right_roles_of_its_own_organization() {
    const ADMIN_PASSWORD: &str = "Meneja-22#";
    let office = Office::opened().await;
    let user = operator(BULK);
    for (of, name, roles) in [
        (BULK, "admin", &["Business Administrator"][..]),
        (BULK, "keys", &["Set Org API Password"]),
        (BULK, "auditor", &["Business Auditor"]),
        // With the right name, on the wrong channel.
        (BULK, "api", &["Org B2C API Initiator"]),
        (PAYBILL, "admin", &["Business Administrator", "Set Org API Password"]),
    ] {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        office.says(&["operator", "add", of, name].into_iter().chain(roles).collect::<Vec<_>>());
        office.says_with(&["operator", "password", &format!("{of}/{name}")], ADMIN_PASSWORD);
    }
    let [admin, keys, auditor, api, other] =
        [(BULK, "admin"), (BULK, "keys"), (BULK, "auditor"), (BULK, "api"), (PAYBILL, "admin")]
            .map(|(of, name)| format!("{of}/{name}"));
    let refused =
        |verb: &str, who: &str, input: &str| office.refuses_with(&["operator", verb, &user, "--as", who], input);
    let done = |verb: &str, who: &str, input: &str| office.says_with(&["operator", verb, &user, "--as", who], input);
    let both = format!("{ADMIN_PASSWORD}\n{PASSWORD}\n");

    office.says(&["operator", "change", &user, "--state", "locked"]);
    for who in [&keys, &auditor, &api] {
        let why = refused("unlock", who, ADMIN_PASSWORD);
        assert!(why.contains("no role in force on the channel Web"), "{who}: {why}");
    }
    assert!(refused("unlock", &other, ADMIN_PASSWORD).contains("may not act for 600100"), "s1");
    assert!(refused("unlock", &admin, "Wrong-22#").contains("not its password"));
    assert!(office.says(&["operator", "show", &user]).contains("locked"));
    done("unlock", &admin, ADMIN_PASSWORD);
    assert!(!office.says(&["operator", "show", &user]).contains("locked"));

    for who in [&admin, &auditor, &api] {
        let why = refused("password", who, &both);
        assert!(why.contains("no role in force on the channel Web"), "{who}: {why}");
    }
    assert!(refused("password", &other, &both).contains("may not act for 600100"), "s1");
    done("password", &keys, &both);
    office.says(&["operator", "change", &keys, "--state", "suspended"]);
    assert!(refused("password", &keys, &both).contains("Suspended"));

    assert_eq!(office.audited("operator-care-refused").len(), 9);
    let unlocked = office.audited("operator-unlocked");
    let acting = office.json(&["operator", "show", &admin]);
    assert_eq!(unlocked.last().unwrap()["acting"], acting["id"]);
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_is_changed_disabled_and_loses_its_key() {
    let mut office = Office::opened().await;
    office.says(&["party", "change", "mfano", "--remove-shortcode", BULK]);
    assert_eq!(office.pays_out("100").await, "2001", "s1: it speaks for an organization that it lost");
    office.says(&["party", "change", "mfano", "--add-shortcode", BULK, "--rate", "50"]);
    assert_eq!(office.pays_out("100").await, "0");
    assert!(office.refuses(&["party", "change", "mfano", "--add-shortcode", "999999"]).contains("lango org add"));
    assert!(office.refuses(&["party", "add", "mwingine", "--sp-id", "107099"]).contains("belongs to"));
    let shown = office.json(&["party", "show", "mfano"]);
    assert_eq!((&shown["password"], &shown["rate"]), (&"set".into(), &50.into()));
    assert!(!office.says(&["party", "show", "mfano"]).contains("Siri"), "s5");
    office.says(&["party", "change", "mfano", "--enabled", "false"]);
    let refused = office.sends(&office.document(&pay_out(&[("Amount", "100")]))).await;
    assert_eq!(refused.response_code, "100000006");
    office.says(&["party", "change", "mfano", "--enabled", "true"]);
    let key = shown["keys"][0]["fingerprint"].as_str().unwrap();
    office.says(&["party", "remove-key", "mfano", key]);
    assert_eq!(office.json(&["party", "show", "mfano"])["keys"].as_array().unwrap().len(), 0);
    assert!(!office.audited("party-key-removed").is_empty());
    office.says(&["party", "remove", "mfano"]);
    let again = office.refuses(&["party", "add", "mfano", "--sp-id", "107055"]);
    assert!(again.contains("kept under that name"), "s1: who got the name would get the callbacks: {again}");
    office.says(&["party", "add", "mfano-2", "--sp-id", "107055"]);
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_a_gateway_with_a_new_key_is_the_same_gateway() {
    let office = Office::opened().await;
    assert_eq!(office.handset(&["--from-agent", AGENT, "--to", AMINA, "--amount", "500"]), "0");
    let pays = ["--from", AMINA, "--to-paybill", PAYBILL, "--account", "A", "--amount", "100", "--session", "S-1"];
    assert_eq!(office.handset(&pays), "0");
    // It got no answer, its certificate was renewed, and it asks again.
    let clients = office.dir().join("certs/clients");
    for ending in ["pem", "key"] {
        let file = clients.join("gateway").with_extension(ending);
        std::fs::rename(&file, clients.join("before").with_extension(ending)).unwrap();
    }
    office.says(&["cert", "issue", "gateway", "--ca", "handset-ca"]);
    assert_eq!(office.handset(&pays), "0");
    assert_eq!(office.available(PAYBILL, "utility"), "100.00");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_account_neither_pays_nor_is_paid() {
    let mut office = Office::opened().await;
    office.says(&["ledger", "freeze", BULK, "utility"]);
    assert_eq!(office.pays_out("100").await, "2006");
    office.says(&["ledger", "release", BULK, "utility"]);
    assert_eq!(office.pays_out("100").await, "0");
    let to_paybill = Wish {
        command: "BusinessPayBill",
        home: PAYBILL,
        primary: Some((4, PAYBILL)),
        receiver: Some((4, BULK)),
        parameters: &[("Amount", "10"), ("AccountReference", "X")],
    };
    // Bulk is no paybill; a product makes it one.
    assert_eq!(office.gets(&to_paybill).await.result_code, "2028");
    office.says(&["org", "change", BULK, "--add-product", "Paybill Store"]);
    assert_eq!(office.gets(&to_paybill).await.result_code, "0");
    office.closes();
}
