//! Header blocks as gRPC clients send them first, plain and Huffman coded.

/// The block of a gRPC client's first request: every literal enters the dynamic table.
pub(crate) fn request(fields: usize, string: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` are in the static table, and four more names.
    let mut block = vec![0x83, 0x86];
    for (name_index, value) in [
        (4, "/helloworld.Greeter/SayHello"),
        (1, "greeter.demo.svc.cluster.local:50051"),
        (31, "application/grpc"),
        (58, "grpc-go/1.68.0"),
    ] {
        block.push(0x40 | name_index);
        block.extend(string(value.as_bytes()));
    }
    let others =
        [("te", "trailers"), ("grpc-timeout", "999m"), ("grpc-accept-encoding", "gzip"), ("x-namespace", "demo")];
    let tracing = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-retry", "0")];
    for (name, value) in others.into_iter().chain(tracing.into_iter().cycle()).take(fields - 6) {
        block.push(0x40);
        block.extend(string(name.as_bytes()));
        block.extend(string(value.as_bytes()));
    }
    block
}

pub(crate) fn plain(octets: &[u8]) -> Vec<u8> {
    [&[short_length(octets)], octets].concat()
}

/// Knows the codes of 5 to 8 bits, which are consecutive in this order (RFC 7541 appendix B).
pub(crate) fn huffman(octets: &[u8]) -> Vec<u8> {
    const SYMBOLS: [(&str, u32); 4] =
        [("012aceiost", 5), (" %-./3456789=A_bdfghlmnpru", 6), (":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", 7), ("&*,;XZ", 8)];
    let mut bits = String::new();
    for &octet in octets {
        let (mut first_code, mut length_before) = (0, 5);
        for (symbols, length) in SYMBOLS {
            first_code <<= length - length_before;
            if let Some(position) = symbols.bytes().position(|symbol| symbol == octet) {
                bits.push_str(&format!("{:0width$b}", first_code + position, width = length as usize));
            }
            first_code += symbols.len();
            length_before = length;
        }
    }
    bits.push_str(&"1".repeat(bits.len().next_multiple_of(8) - bits.len()));
    let coded: Vec<u8> =
        bits.as_bytes().chunks(8).map(|octet| octet.iter().fold(0, |sum, bit| sum << 1 | (bit & 1))).collect();
    [&[0x80 | short_length(&coded)], &coded[..]].concat()
}

/// The prefix of a string shorter than 127 octets.
fn short_length(octets: &[u8]) -> u8 {
    u8::try_from(octets.len()).ok().filter(|&length| length < 127).unwrap_or(126)
}
