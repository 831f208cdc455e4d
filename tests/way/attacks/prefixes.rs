//! PROXY headers that promise much, or come slowly.

use std::time::Duration;

use spliceway::limits::Limit;
use spliceway::log::{Cause, Side};

use super::Siege;
use crate::support::prefix::{self, tlv, v2_inet};

const REQUIRED: &str = "proxy_protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]";

#[test]
fn a_length_beyond_the_limit_is_refused_by_the_head() {
    for (limits, length) in [("", 4097_u16), ("", 0xffff), ("proxy_v2_payload_bytes = 216", 217)] {
        let mut siege = Siege::at(REQUIRED, limits);
        let mut attacker = siege.connect();
        let [high, low] = length.to_be_bytes();
        attacker.sends([&prefix::SIGNATURE[..], &[prefix::PROXY, prefix::TCP4, high, low]].concat());
        siege.ends(Side::Client, Cause::ProxyMalformed, Some(Limit::ProxyV2PayloadBytes));
        siege.serves_behind(prefix::V1, siege.connect());
    }
}

#[test]
fn the_longest_header_there_is_passes_where_it_is_allowed() {
    let mut siege = Siege::at(REQUIRED, "proxy_v2_payload_bytes = 65535");
    // A vector that means nothing (PROXY protocol section 2.2.4), and 12 bytes of addresses.
    let header = v2_inet(&tlv(0x04, &vec![0; 65_535 - 12 - 3]));
    assert_eq!(header.len(), 16 + 65_535);
    siege.serves_behind(&header, siege.connect());
    // In two segments: the second is waited for.
    let mut client = siege.connect();
    client.sends(&header[..40_000]);
    siege.serves_behind(&header[40_000..], client);
}

/// What comes of it stays unread until it is whole, so that the window closes and opens meanwhile.
#[test]
fn the_longest_header_may_come_in_any_pieces() {
    let mut siege = Siege::at(REQUIRED, "proxy_v2_payload_bytes = 65535");
    let header = v2_inet(&tlv(0x04, &vec![0; 65_535 - 12 - 3]));
    for sizes in [&[30_016, 10_000][..], &[16, 32_000, 32_000, 1000], &[65_000, 500], &[1, 20, 60_000]] {
        let mut client = siege.connect();
        let mut rest = &header[..];
        for size in sizes {
            let (piece, behind) = rest.split_at(*size);
            client.sends(piece);
            assert!(!client.hears_something_within(Duration::from_millis(20)), "{size} of {sizes:?}");
            rest = behind;
        }
        siege.serves_behind(rest, client);
    }
}

#[test]
fn a_header_that_drips_meets_its_deadline() {
    let mut siege = Siege::at(REQUIRED, "proxy_deadline = \"300ms\"");
    let mut attacker = siege.connect();
    for byte in prefix::V1 {
        // It is closed in the midst of it, and a reset is what a closed connection says to more.
        if std::io::Write::write_all(&mut attacker.stream, &[*byte]).is_err()
            || attacker.hears_something_within(Duration::from_millis(20))
        {
            break;
        }
    }
    let summary = siege.ends(Side::Client, Cause::ProxyTimeout, Some(Limit::ProxyDeadline));
    assert!(summary.duration >= Duration::from_millis(290), "{summary:?}");
    siege.serves_behind(prefix::V1, siege.connect());
}
