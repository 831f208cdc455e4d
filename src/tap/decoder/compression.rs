//! Decompressing a gRPC message (gRPC over HTTP2, "Compressed-Flag").
//!
//! A few bytes can expand to a thousand times as many, so output stops at a cap, and a zstd window above what RFC 8878
//! section 3.1.1.1.2 asks of every decoder (8 MiB) is refused. Never trusts a length that the data announces.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use crate::tap::event::{Body, Encoding, Obstacle};

/// Decompresses a message into at most `cap` bytes. `cut` says that `bytes` is only the beginning of the message.
pub(super) fn decompress(encoding: &Encoding, bytes: &[u8], cut: bool, cap: usize) -> Body {
    let outcome = match encoding {
        Encoding::Gzip => read(MultiGzDecoder::new(bytes), cap),
        Encoding::Deflate => read(ZlibDecoder::new(bytes), cap),
        Encoding::Zstd => match StreamingDecoder::new_with_max_window_size(bytes, ZSTD_WINDOW_BYTES) {
            Ok(decoder) => read(decoder, cap),
            Err(_) => Output { bytes: Vec::new(), capped: false, failed: true },
        },
        Encoding::Identity | Encoding::Other(_) => {
            return as_sent(bytes, cut, cap, Some(Obstacle::UnknownEncoding));
        }
    };
    match outcome {
        // The beginning of a message ends too early for its decoder; what came out before is right.
        Output { bytes, failed: true, .. } if cut && !bytes.is_empty() => {
            Body { bytes, truncated: true, obstacle: None }
        }
        Output { failed: true, .. } => as_sent(bytes, cut, cap, Some(Obstacle::Corrupt)),
        Output { bytes, capped, .. } => Body { bytes, truncated: cut || capped, obstacle: None },
    }
}

/// The content as it was on the wire.
pub(super) fn as_sent(bytes: &[u8], cut: bool, cap: usize, obstacle: Option<Obstacle>) -> Body {
    let kept = bytes.get(..cap).unwrap_or(bytes);
    Body { bytes: kept.to_vec(), truncated: cut || kept.len() < bytes.len(), obstacle }
}

/// What a decoder put out before it ended, failed, or reached the cap.
struct Output {
    bytes: Vec<u8>,
    capped: bool,
    failed: bool,
}

fn read(decoder: impl Read, cap: usize) -> Output {
    let mut bytes = Vec::new();
    // One byte more tells an output that ends at the cap from one that goes on.
    let one_more = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let failed = decoder.take(one_more).read_to_end(&mut bytes).is_err();
    let capped = bytes.len() > cap;
    bytes.truncate(cap);
    Output { bytes, capped, failed }
}

const ZSTD_WINDOW_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    // `printf hello | gzip -n`, the same as zlib, and `printf hello | zstd --no-check`.
    const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    const ZLIB: &[u8] = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\0\x06\x2c\x02\x15";
    const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello";

    fn body(bytes: &[u8], truncated: bool, obstacle: Option<Obstacle>) -> Body {
        Body { bytes: bytes.to_vec(), truncated, obstacle }
    }

    #[test]
    fn each_encoding_decompresses() {
        for (encoding, bytes) in [(Encoding::Gzip, GZIP), (Encoding::Deflate, ZLIB), (Encoding::Zstd, ZSTD)] {
            assert_eq!(decompress(&encoding, bytes, false, 100), body(b"hello", false, None), "{encoding:?}");
            assert_eq!(decompress(&encoding, bytes, false, 5), body(b"hello", false, None), "{encoding:?}");
            assert_eq!(decompress(&encoding, bytes, false, 4), body(b"hell", true, None), "{encoding:?}");
        }
    }

    #[test]
    fn corrupt_data_is_shown_as_sent() {
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
            let expected = body(b"\xff\xff\xff", false, Some(Obstacle::Corrupt));
            assert_eq!(decompress(&encoding, b"\xff\xff\xff", false, 100), expected, "{encoding:?}");
        }
        for length in 0..GZIP.len() {
            let cut = decompress(&Encoding::Gzip, &GZIP[..length], false, 100);
            assert!(cut.obstacle == Some(Obstacle::Corrupt) || length == 0, "{length} bytes: {cut:?}");
        }
    }

    #[test]
    fn an_unknown_encoding_is_shown_as_sent() {
        for encoding in [Encoding::Other("snappy".into()), Encoding::Identity] {
            let expected = body(b"abc", false, Some(Obstacle::UnknownEncoding));
            assert_eq!(decompress(&encoding, b"abc", false, 100), expected);
        }
    }

    #[test]
    fn a_window_above_eight_mebibytes_is_refused() {
        // Frame header without single segment: window descriptor 0x70 says 2^24 bytes.
        let huge = b"\x28\xb5\x2f\xfd\x00\x70\x29\0\0hello";
        assert_eq!(decompress(&Encoding::Zstd, huge, false, 100).obstacle, Some(Obstacle::Corrupt));
    }

    #[test]
    fn the_beginning_of_a_message_gives_the_beginning_of_the_content() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let content: Vec<u8> = (0..100_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        encoder.write_all(&content).unwrap();
        let compressed = encoder.finish().unwrap();
        let half = decompress(&Encoding::Gzip, &compressed[..compressed.len() / 2], true, 1 << 20);
        assert!(half.truncated && half.obstacle.is_none() && !half.bytes.is_empty());
        assert!(content.starts_with(&half.bytes));
    }
}
