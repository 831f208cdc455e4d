//! What an HTTP/1 client is told in place of a backend: one whole response, behind which the connection ends.
//!
//! The status line says HTTP/1.1 to every client: it names what we can do, and a client of HTTP/1.0 reads it all the
//! same (RFC 9110 section 6.2). The length is always given and the connection always closed, so that no client waits for
//! more or sends a second request (RFC 9112 sections 6.3 and 9.6). The text is for people; programs have `proxy-status`
//! (RFC 9209).

use super::answer::{Refusal, proxy_status, shortened};

/// What it takes to answer a request.
#[derive(Clone, Copy, Debug)]
pub struct Answerer {
    /// The response has no body: its request is HEAD.
    without_body: bool,
}

impl Answerer {
    /// For the request that `bytes` begin with, perhaps behind empty lines, be it whole or well-formed or not.
    pub fn of(bytes: &[u8]) -> Answerer {
        Answerer { without_body: bytes.trim_ascii_start().starts_with(b"HEAD ") }
    }

    /// The bytes of the answer.
    pub fn answer(&self, refusal: &Refusal) -> Vec<u8> {
        let status = refusal.http_status;
        let text = format!("{}\n", shortened(&refusal.message));
        let head = format!(
            "HTTP/1.1 {status} {}\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: text/plain; charset=utf-8\r\nproxy-status: {}\r\n\r\n",
            reason_phrase(status),
            text.len(),
            proxy_status(refusal)
        );
        let body = if self.without_body { "" } else { text.as_str() };
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

/// The usual words for a status (RFC 9110 section 15, RFC 6585 section 5), which no program reads.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &[u8], http_status: u16, message: &str) -> String {
        let proxy_error = "connection_refused";
        let refusal = Refusal { grpc_status: 14, http_status, proxy_error, message: message.to_owned() };
        String::from_utf8(Answerer::of(bytes).answer(&refusal)).unwrap()
    }

    const HEAD: &str = "HTTP/1.1 503 Service Unavailable\r\n\
                        connection: close\r\n\
                        content-length: 13\r\n\
                        content-type: text/plain; charset=utf-8\r\n\
                        proxy-status: spliceway; error=connection_refused; details=\"no \\\"b?ck\\\" end\"\r\n\r\n";

    #[test]
    fn an_answer_says_how_long_it_is_and_that_it_is_the_last() {
        let expected = HEAD.replace("13", "15") + "no \"bäck\" end\n";
        assert_eq!(answer(b"GET / HTTP/1.1\r\n", 503, "no \"bäck\" end"), expected);
        assert_eq!(answer(b"HEADS / HTTP/1.1\r\n", 503, "no \"bäck\" end"), expected);
    }

    #[test]
    fn the_answer_to_head_is_a_head() {
        for head in [&b"HEAD / HTTP/1.0\r\n"[..], b"\r\nHEAD / HTTP/1.0\r\n"] {
            assert_eq!(answer(head, 503, "no \"bäck\" end"), HEAD.replace("13", "15"));
        }
    }

    #[test]
    fn no_message_breaks_out_of_its_field_and_none_is_endless() {
        let answer = answer(b"", 400, &format!("a\r\nx: y\r\n\r\n{}", "ä".repeat(1000)));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().count(), 5, "{head}");
        assert!(head.ends_with("?\"") && head.contains("details=\"a??x: y????"), "{head}");
        assert_eq!(body.len(), 512);
        assert!(head.contains("\r\ncontent-length: 512\r\n"), "{head}");
    }
}
