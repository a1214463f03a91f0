//! `lango demo` as a newcomer runs it.

use crate::house::lango;

#[test]
fn the_demonstration_holds_and_says_so() {
    let output = lango().arg("demo").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains(" held, in "), "{told}");
    assert!(!told.contains("NOT AS IT MUST BE"), "{told}");
    assert!(output.stderr.is_empty(), "it is not quiet inside: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn with_wire_the_messages_are_shown_as_sent() {
    let output = lango().args(["demo", "--wire"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    for part in [
        "<CommandID>BusinessPayment</CommandID>",
        "<res:ResultMsg",
        "<ns1:C2BPaymentConfirmationRequest",
        "-> POST /mminterface/registerURL",
    ] {
        assert!(told.contains(part), "{part} is not shown");
    }
}
