//! The examples of RFC 7541 appendix C.2 to C.6: what they decode to, and the table they leave. (C.1 is in `integer`.)
//!
//! A table is looked at as a peer could: by indexed fields from 62 on.

use super::{Decoder, Error, Field, Limits};

type List = &'static [(&'static str, &'static str)];

/// One header block of the appendix.
struct Example {
    /// The octets, as printed there.
    block: &'static str,
    fields: List,
    /// The dynamic table afterwards, index 62 first.
    table: List,
    table_bytes: usize,
}

/// Decodes consecutive blocks; before each, every truncation of it with a copy of the decoder.
fn check(table_bytes: usize, examples: &[Example]) {
    let mut decoder = Decoder::new(Limits { table_bytes, ..Limits::default() });
    for example in examples {
        let block = octets(example.block);
        let whole = strings(&mut decoder.clone(), &block).unwrap();
        for length in 0..block.len() {
            match strings(&mut decoder.clone(), &block[..length]) {
                // Cut between two fields it is a block of its own.
                Ok(fields) => assert!(whole.starts_with(&fields) && fields.len() < whole.len(), "{length}"),
                Err(Error::Malformed(malformed)) => assert!(malformed.offset <= length, "{malformed} {length}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(strings(&mut decoder, &block), Ok(owned(example.fields)), "{}", example.block);
        assert_eq!(table(&decoder), owned(example.table), "{}", example.block);
        assert_eq!(decoder.table_bytes(), example.table_bytes);
    }
}

fn strings(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let mut fields = Vec::new();
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    decoder.decode(block, |Field { name, value, .. }| fields.push((string(name), string(value))))?;
    Ok(fields)
}

fn table(decoder: &Decoder) -> Vec<(String, String)> {
    (62..127).map_while(|index: u8| strings(&mut decoder.clone(), &[0x80 | index]).ok()).flatten().collect()
}

fn owned(list: List) -> Vec<(String, String)> {
    list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The octets of hexadecimal digits, whatever white space is between them.
pub(super) fn octets(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn c_2_1_literal_with_incremental_indexing() {
    let block = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
    let fields: List = &[("custom-key", "custom-header")];
    check(4096, &[Example { block, fields, table: fields, table_bytes: 55 }]);
}

#[test]
fn c_2_2_literal_without_indexing() {
    let block = "040c 2f73 616d 706c 652f 7061 7468";
    let fields: List = &[(":path", "/sample/path")];
    check(4096, &[Example { block, fields, table: &[], table_bytes: 0 }]);
}

#[test]
fn c_2_3_literal_never_indexed() {
    let block = "1008 7061 7373 776f 7264 0673 6563 7265 74";
    let fields: List = &[("password", "secret")];
    check(4096, &[Example { block, fields, table: &[], table_bytes: 0 }]);
}

#[test]
fn c_2_4_indexed() {
    let fields: List = &[(":method", "GET")];
    check(4096, &[Example { block: "82", fields, table: &[], table_bytes: 0 }]);
}

#[test]
fn c_3_requests_without_huffman_coding() {
    check_requests([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]);
}

#[test]
fn c_4_requests_with_huffman_coding() {
    check_requests([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]);
}

fn check_requests([first, second, third]: [&'static str; 3]) {
    let first = Example {
        block: first,
        fields: &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
        table: &[(":authority", "www.example.com")],
        table_bytes: 57,
    };
    let second = Example {
        block: second,
        fields: &[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ],
        table: &[("cache-control", "no-cache"), (":authority", "www.example.com")],
        table_bytes: 110,
    };
    let third = Example {
        block: third,
        fields: &[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ],
        table: &[("custom-key", "custom-value"), ("cache-control", "no-cache"), (":authority", "www.example.com")],
        table_bytes: 164,
    };
    check(4096, &[first, second, third]);
}

#[test]
fn c_5_responses_without_huffman_coding() {
    check_responses([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
         2076 6572 7369 6f6e 3d31",
    ]);
}

#[test]
fn c_6_responses_with_huffman_coding() {
    check_responses([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
         8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ]);
}

/// The table of these examples has 256 bytes, so entries are evicted.
fn check_responses([first, second, third]: [&'static str; 3]) {
    const DATE: (&str, &str) = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
    const LATER: (&str, &str) = ("date", "Mon, 21 Oct 2013 20:13:22 GMT");
    const LOCATION: (&str, &str) = ("location", "https://www.example.com");
    const PRIVATE: (&str, &str) = ("cache-control", "private");
    const GZIP: (&str, &str) = ("content-encoding", "gzip");
    const COOKIE: (&str, &str) = ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
    let first = Example {
        block: first,
        fields: &[(":status", "302"), PRIVATE, DATE, LOCATION],
        table: &[LOCATION, DATE, PRIVATE, (":status", "302")],
        table_bytes: 222,
    };
    let second = Example {
        block: second,
        fields: &[(":status", "307"), PRIVATE, DATE, LOCATION],
        table: &[(":status", "307"), LOCATION, DATE, PRIVATE],
        table_bytes: 222,
    };
    let third = Example {
        block: third,
        fields: &[(":status", "200"), PRIVATE, LATER, LOCATION, GZIP, COOKIE],
        table: &[COOKIE, GZIP, LATER],
        table_bytes: 215,
    };
    check(256, &[first, second, third]);
}
