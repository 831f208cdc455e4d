//! The pretty form, and secrets in both.

use crate::session::Session;
use crate::support::{Backend, h2};

/// What is printed of a request with secrets in it.
fn printed(arguments: &[&str]) -> String {
    let backend = Backend::listen();
    let session = Session::start(&backend, arguments);
    let mut client = session.connect();
    let fields = [
        ("authorization", "Bearer hunter2"),
        ("cookie", "a=hunter2"),
        ("x-amz-security-token", "hunter2"),
        ("x-long", LONG),
    ];
    client.sends(h2::eager_call(&fields));
    let mut served = backend.accept();
    let answer = h2::block(&[(":status", "200"), ("set-cookie", "b=hunter2")]);
    served.sends([h2::settings(&[]), h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &answer)].concat());
    session.prints("set-cookie");
    client.finishes();
    served.finishes();
    session.note("finished");
    session.ends(&client)
}

const LONG: &str = "a value that is so long that a terminal of one hundred columns has to break it somewhere, once";

const HIDDEN: &str = "68 75 6e 74 65 72 32";

#[test]
fn lines_fit_a_terminal_and_name_what_passes() {
    let out = printed(&["--format", "pretty", "--hex"]);
    for line in out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    for part in ["connection from CLIENT", "SETTINGS", "HEADERS", ":path", "/shop.v1.Cart/Add", "closed: "] {
        assert!(out.contains(part), "{part:?} is missing in\n{out}");
    }
    assert!(!out.contains("Starting tcp-h2-describe"), "{out}");
}

#[test]
fn secrets_are_masked_in_their_hexdump_too() {
    for form in ["classic", "pretty"] {
        let out = printed(&["--format", form, "--hex"]);
        assert!(!out.contains("hunter2"), "{out}");
        assert!(!joined(&out).contains(HIDDEN), "{out}");
        assert!(out.contains("[redacted, "), "{out}");
    }
}

#[test]
fn secrets_are_shown_on_demand() {
    let out = printed(&["--show-secrets"]);
    assert_eq!(out.matches("hunter2").count(), 4, "{out}");
    assert_eq!(joined(&out).matches(HIDDEN).count(), 4, "{out}");
}

/// The text with the rows of its hexdumps joined.
fn joined(out: &str) -> String {
    out.replace("\n  ", "")
}
