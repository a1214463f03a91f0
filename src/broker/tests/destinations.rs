//! Requests that name a place where no callback may go: the third party's own is called instead, and the
//! trace says so.

use super::*;
use crate::broker::destination::Destinations;
use crate::callbacks::Entry;

const OWN: &str = "https://pay.duka.example/result";

/// A house that may call `duka` at its own server.
async fn house(registered: Option<&str>) -> House {
    let house = House::built();
    let hosts = "[[third_party.duka.callback_hosts]]\nhost = \"pay.duka.example\"\nports = [443]\n";
    house.broker.parts.access.reload_whitelist(&format!("{}{hosts}", testing::WHITELIST)).unwrap();
    let own = registered.map(str::to_owned);
    house.knows(ThirdParty { result_url: own, ..ThirdParty::new("duka", "107031") }).await;
    house
}

/// Where the only callback goes.
fn bound_for(house: &House) -> String {
    let [(_, record)] = &house.store.range(&Key::of("callback").subtree(), 9).unwrap()[..] else { panic!() };
    decode::<Entry>(record).unwrap().callback.url
}

/// What the trace says of the only conversation, by kind.
fn told(house: &House, what: &str) -> Vec<String> {
    let stories = house.broker.stories("600100_duka_1").unwrap();
    let [story] = &stories[..] else { panic!("{stories:?}") };
    story.legs.iter().filter(|leg| leg.what == what).map(|leg| leg.message.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn d1_a_result_whose_url_may_not_be_called_goes_to_the_third_party_s_own_and_the_trace_says_so() {
    for (url, why) in [
        ("https://pay.duka.example/other", None),
        ("https://evil.example/secret-path", Some("its host or port is not on the third party's list")),
        ("https://pay.duka.example:8443/", Some("its host or port is not on the third party's list")),
        ("http://pay.duka.example:443/", Some("it is plain HTTP, which is not allowed for this third party")),
        ("https://169.254.169.254/latest", Some("its address is a metadata service")),
        ("https://clerk:secret@pay.duka.example/", Some("it has a user name or a password")),
        ("broker_4", Some("it is no URL")),
    ] {
        let house = house(Some(OWN)).await;
        house.pays(url).await;
        house.all_decided().await;
        assert_eq!(bound_for(&house), if why.is_none() { url } else { OWN });
        let expected =
            why.map(|why| format!("the ResultURL may not be called, {why}: the third party's own is called"));
        assert_eq!(told(&house, "diverted"), expected.into_iter().collect::<Vec<_>>(), "{url}");
        assert_eq!((told(&house, "request").len(), told(&house, "answer").len()), (1, 1));
    }
}

/// It may be called later: hosts are added to the list.
#[tokio::test(start_paused = true)]
async fn d1_a_result_that_may_go_nowhere_else_keeps_its_url() {
    for registered in [None, Some("https://old.duka.example/result")] {
        let house = house(registered).await;
        house.pays("https://new.duka.example/result").await;
        house.all_decided().await;
        assert_eq!(bound_for(&house), "https://new.duka.example/result");
        let expected = "the ResultURL may not be called, its host or port is not on the third party's list: what is \
                        sent there waits until it may be";
        assert_eq!(told(&house, "diverted"), [expected]);
    }
}

#[tokio::test]
async fn the_notice_that_a_request_expired_goes_by_the_same_rule() {
    let house = house(None).await;
    let duka = ThirdParty {
        queue_timeout_url: Some("https://pay.duka.example/timeout".into()),
        ..ThirdParty::new("duka", "107031")
    };
    let at = |url: &str| {
        let reference = [("Occasion".into(), "x".into()), ("QueueTimeoutURL".into(), url.into())];
        house.broker.destinations(&duka, None, &reference)
    };
    let to = |url: &str| Destinations { timeout: Some(url.into()), ..Destinations::default() };
    assert_eq!(house.broker.destinations(&duka, None, &[]), to("https://pay.duka.example/timeout"));
    assert_eq!(at(" "), to("https://pay.duka.example/timeout"));
    assert_eq!(at(" https://pay.duka.example/late "), to("https://pay.duka.example/late"));
    let diverted = at("https://evil.example/");
    assert_eq!(diverted.timeout.as_deref(), Some("https://pay.duka.example/timeout"));
    assert_eq!(diverted.diverted.len(), 1);
    assert!(diverted.diverted[0].starts_with("the QueueTimeoutURL may not be called"), "{diverted:?}");
}

/// Keys of the store have a length that they may not exceed, and a place where a callback waits is in one.
#[tokio::test(start_paused = true)]
async fn d6_a_url_of_any_length_makes_no_long_key() {
    let house = house(None).await;
    house.pays(&format!("https://{}.example/", "a".repeat(100_000))).await;
    house.all_decided().await;
    let waiting = house.store.range(&Key::of("outbox").subtree(), 9).unwrap();
    let [(key, _)] = &waiting[..] else { panic!("{waiting:?}") };
    assert!(key.as_bytes().len() < 200, "{}", key.as_bytes().len());
}
