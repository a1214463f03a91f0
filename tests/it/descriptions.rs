//! The interfaces as a client library fetches them.

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn the_wsdl_names_the_address_that_was_used_and_its_links_resolve() {
    let house = House::built().await;
    let path = "/mminterface/request";
    let wsdl = house.stage.shop.fetch(&format!("{path}?wsdl")).await.unwrap();
    assert_eq!(wsdl.status, 200);
    let text = wsdl.text();
    let address = format!("location=\"https://{}{path}\"", house.stage.addresses().third_party);
    assert!(text.contains(&address), "{text}");
    let links: Vec<&str> = text.split("schemaLocation=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(!links.is_empty());
    for link in links {
        let own = link.strip_prefix(&format!("https://{}", house.stage.addresses().third_party)).unwrap();
        let schema = house.stage.shop.fetch(own).await.unwrap();
        assert_eq!(schema.status, 200, "{link}");
        assert!(schema.text().contains("schema"), "{link}");
    }
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_described_is_not_served() {
    let house = House::built().await;
    for (path, status) in [
        ("/", 404),
        ("/mminterface/result", 404),
        ("/mminterface/request?xsd=../../lango.toml", 404),
        ("/mminterface/request?xsd=", 404),
        ("/mminterface/request", 405),
        ("/handset/payment?wsdl", 404),
    ] {
        assert_eq!(house.stage.shop.fetch(path).await.unwrap().status, status, "{path}");
    }
    house.torn_down().await;
}
