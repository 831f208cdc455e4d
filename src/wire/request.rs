//! Whether a decoded header list is a well-formed HTTP/2 request (RFC 9113 sections 8.1.1, 8.2 and 8.3).
//!
//! A backend rejects these too, or worse, does not: what we route by must be what the backend sees, so a request that
//! two readers could read in two ways is refused instead of guessed at.

use super::first_bytes::is_token;
use super::head::RequestHead;

/// A rule that the request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} ({section})")]
pub struct Invalid {
    /// What is wrong, as a clause for a log line.
    pub rule: &'static str,
    /// Where the rule stands.
    pub section: &'static str,
}

/// Checks the fields of a request one by one, in the order received.
#[derive(Debug, Default)]
pub struct Checker {
    regular_seen: bool,
    method: bool,
    connect: bool,
    options: bool,
    scheme: bool,
    path: bool,
    authority: bool,
    protocol: bool,
}

impl Checker {
    /// Looks at the next field.
    ///
    /// # Errors
    ///
    /// The rule the field breaks by itself or by where it stands.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Invalid> {
        if value.first().is_some_and(is_blank) || value.last().is_some_and(is_blank) {
            return Err(invalid("a field value that begins or ends with a blank", "RFC 9113 section 8.2.1"));
        }
        if value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
            return Err(invalid("a field value with NUL, CR or LF", "RFC 9113 section 8.2.1"));
        }
        if name.first() == Some(&b':') {
            return self.pseudo(name, value);
        }
        self.regular_seen = true;
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte) && !byte.is_ascii_uppercase()) {
            return Err(invalid("a field name that is no lower-case token", "RFC 9113 section 8.2.1"));
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                Err(invalid("a connection-specific field", "RFC 9113 section 8.2.2"))
            }
            b"te" if value != b"trailers" => Err(invalid("te other than trailers", "RFC 9113 section 8.2.2")),
            _ => Ok(()),
        }
    }

    /// Looks at the whole list, after its last field.
    ///
    /// # Errors
    ///
    /// A pseudo-header field that is missing, and `host` that says something else than `:authority`.
    pub fn finish(self, head: &RequestHead) -> Result<(), Invalid> {
        let missing = if self.connect && !self.protocol {
            !self.method || !self.authority || self.scheme || self.path
        } else {
            !self.method || !self.scheme || !self.path
        };
        if missing {
            return Err(invalid("a pseudo-header field missing or out of place", "RFC 9113 section 8.3.1"));
        }
        if self.protocol && !self.connect {
            return Err(invalid(":protocol of a request other than CONNECT", "RFC 8441 section 4"));
        }
        if self.path && head.value(b":path") == Some(b"*") && !self.options {
            return Err(invalid(":path * of a request other than OPTIONS", "RFC 9113 section 8.3.1"));
        }
        // Where there is no :authority, host is taken for it.
        if head.values(b"host").any(|host| host.contains(&b'@')) {
            return Err(invalid("host with user information", "RFC 9113 section 8.3.1"));
        }
        if head.values(b"host").any(has_gap) {
            return Err(invalid("host with a blank or a control character", "RFC 3986 section 3.2"));
        }
        if names_two_hosts(head) {
            return Err(invalid("host that says something else than :authority", "RFC 9113 section 8.3.1"));
        }
        Ok(())
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Invalid> {
        if self.regular_seen {
            return Err(invalid("a pseudo-header field behind a regular one", "RFC 9113 section 8.3"));
        }
        let seen = match name {
            b":method" => {
                if value.is_empty() || !value.iter().all(|byte| is_token(*byte)) {
                    return Err(invalid(":method that is no token", "RFC 9110 section 9.1"));
                }
                self.connect = value == b"CONNECT";
                self.options = value == b"OPTIONS";
                &mut self.method
            }
            b":scheme" => {
                if value.is_empty() || !value.iter().all(is_of_a_scheme) {
                    return Err(invalid(":scheme that is none", "RFC 3986 section 3.1"));
                }
                &mut self.scheme
            }
            b":path" => {
                if has_gap(value) {
                    return Err(invalid(":path with a blank or a control character", "RFC 3986 section 3.3"));
                }
                if value.first() != Some(&b'/') && value != b"*" {
                    return Err(invalid(":path that does not begin with a slash", "RFC 9113 section 8.3.1"));
                }
                &mut self.path
            }
            b":authority" => {
                if has_gap(value) {
                    return Err(invalid(":authority with a blank or a control character", "RFC 3986 section 3.2"));
                }
                if value.contains(&b'@') {
                    return Err(invalid(":authority with user information", "RFC 9113 section 8.3.1"));
                }
                &mut self.authority
            }
            b":protocol" => &mut self.protocol,
            _ => return Err(invalid("an unknown pseudo-header field", "RFC 9113 section 8.3")),
        };
        if std::mem::replace(seen, true) {
            return Err(invalid("a pseudo-header field twice", "RFC 9113 section 8.3"));
        }
        Ok(())
    }
}

/// Whether `host` stands there twice, or says something else than `:authority`: backends read the one or the other (RFC
/// 9113 section 8.3.1).
pub fn names_two_hosts(head: &RequestHead) -> bool {
    let mut hosts = head.values(b"host");
    let differs =
        |host: &[u8]| head.value(b":authority").is_some_and(|authority| !authority.eq_ignore_ascii_case(host));
    hosts.next().is_some_and(|host| differs(host) || hosts.next().is_some())
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What a request line of HTTP/1 would end its target at: whoever writes one from these fields must not be made to write
/// another.
fn has_gap(value: &[u8]) -> bool {
    value.iter().any(|byte| *byte <= b' ' || *byte == 0x7f)
}

fn is_of_a_scheme(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn invalid(rule: &'static str, section: &'static str) -> Invalid {
    Invalid { rule, section }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&str, &str)]) -> Result<(), Invalid> {
        let mut checker = Checker::default();
        let mut head = RequestHead::default();
        for (name, value) in fields {
            checker.field(name.as_bytes(), value.as_bytes())?;
            head.push(name.as_bytes(), value.as_bytes());
        }
        checker.finish(&head)
    }

    fn with(extra: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let mut fields =
            vec![(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "x.example")];
        fields.extend(extra);
        fields
    }

    fn section(result: Result<(), Invalid>) -> &'static str {
        result.unwrap_err().section
    }

    #[test]
    fn an_ordinary_grpc_request_is_valid() {
        assert_eq!(check(&with(&[("content-type", "application/grpc"), ("te", "trailers"), ("x-empty", "")])), Ok(()));
        assert_eq!(check(&with(&[("host", "X.example")])), Ok(()));
    }

    #[test]
    fn connect_and_options_have_their_own_shape() {
        assert_eq!(check(&[(":method", "CONNECT"), (":authority", "a:1")]), Ok(()));
        assert_eq!(check(&[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*")]), Ok(()));
        let web_socket = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/")];
        assert_eq!(check(&web_socket), Ok(()));
        assert!(check(&[(":method", "CONNECT"), (":authority", "a:1"), (":path", "/")]).is_err());
        assert!(check(&[(":method", "GET"), (":scheme", "http"), (":path", "*")]).is_err());
    }

    /// Backends that speak HTTP/1 further on make one line of them.
    #[test]
    fn no_pseudo_header_field_holds_more_than_itself() {
        let with = |name: &'static str, value: &'static str| {
            let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")];
            check(&fields.map(|field| if field.0 == name { (name, value) } else { field }))
        };
        for (name, value) in
            [(":method", "M-SEARCH"), (":scheme", "coap+tcp"), (":path", "/ü?a=%20"), (":authority", "[::1]:80")]
        {
            assert_eq!(with(name, value), Ok(()), "{name}: {value}");
        }
        for value in ["", "GET /admin HTTP/1.1", "GET\t/admin", "GET/", "G\u{1}T"] {
            assert_eq!(section(with(":method", value)), "RFC 9110 section 9.1", "{value:?}");
        }
        for value in ["", "http://x/admin?", "http ", "ht tp", "http:"] {
            let rule = if value.ends_with(' ') { "RFC 9113 section 8.2.1" } else { "RFC 3986 section 3.1" };
            assert_eq!(section(with(":scheme", value)), rule, "{value:?}");
        }
        for value in ["/admin HTTP/1.1", "/a\tb", "/a\u{b}", "/\u{7f}"] {
            assert_eq!(section(with(":path", value)), "RFC 3986 section 3.3", "{value:?}");
        }
        for value in ["x y", "x\ty", "x\u{1f}"] {
            assert_eq!(section(with(":authority", value)), "RFC 3986 section 3.2", "{value:?}");
            let host = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", value)];
            assert_eq!(section(check(&host)), "RFC 3986 section 3.2", "{value:?}");
        }
    }

    #[test]
    fn each_broken_rule_names_its_section() {
        let bad_names = ["X-Upper", "", "with blank", "col:on", "ünïcode"];
        for name in bad_names {
            assert_eq!(section(check(&with(&[(name, "1")]))), "RFC 9113 section 8.2.1", "{name}");
        }
        for value in [" a", "a ", "\ta", "a\t", "a\0b", "a\rb", "a\nb"] {
            assert_eq!(section(check(&with(&[("x", value)]))), "RFC 9113 section 8.2.1", "{value:?}");
        }
        for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
            assert_eq!(section(check(&with(&[(name, "x")]))), "RFC 9113 section 8.2.2", "{name}");
        }
        assert_eq!(section(check(&with(&[("te", "gzip")]))), "RFC 9113 section 8.2.2");
        assert_eq!(section(check(&with(&[(":path", "/again")]))), "RFC 9113 section 8.3");
        assert_eq!(section(check(&with(&[(":status", "200")]))), "RFC 9113 section 8.3");
        assert_eq!(section(check(&with(&[("a", "b"), (":protocol", "x")]))), "RFC 9113 section 8.3");
        assert_eq!(section(check(&with(&[("host", "other.example")]))), "RFC 9113 section 8.3.1");
        assert_eq!(section(check(&with(&[("host", "x.example"), ("host", "x.example")]))), "RFC 9113 section 8.3.1");
        for path in ["", "a.B/C", "http://x/"] {
            let fields = [(":method", "POST"), (":scheme", "http"), (":path", path)];
            assert_eq!(section(check(&fields)), "RFC 9113 section 8.3.1", "{path:?}");
        }
        let user = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "me@x")];
        assert_eq!(section(check(&user)), "RFC 9113 section 8.3.1");
        let user = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "me@x")];
        assert_eq!(section(check(&user)), "RFC 9113 section 8.3.1");
        let protocol =
            [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x"), (":protocol", "websocket")];
        assert_eq!(section(check(&protocol)), "RFC 8441 section 4");
        for missing in 0..3 {
            let mut fields = with(&[]);
            fields.remove(missing);
            assert_eq!(section(check(&fields)), "RFC 9113 section 8.3.1", "without field {missing}");
        }
    }
}
